### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = 此链接已失效

link-unknown = 没有此链接

link-call = 请致电 { $clinic }：{ $phone }。

link-contact = 请联系 { $clinic }。
