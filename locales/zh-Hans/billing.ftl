### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }：请于{ DATETIME($due, style: "date") }或之前支付{ $amount }。
payment-due-by-discreet = { $clinic }：您有一笔款项，请于{ DATETIME($due, style: "date") }或之前支付。

payment-due = { $clinic }：您有{ $amount }待支付。
payment-due-discreet = { $clinic }：您有一笔款项待支付。

payment-link = 付款：
