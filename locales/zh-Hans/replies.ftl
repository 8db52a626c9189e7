### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }：就诊和付款短信通知。

rates = 可能产生短信和流量费用。

reply-stopped = { $clinic }：您将不再收到我们的短信。

reply-stopped-undo = 回复START重新接收。

reply-started = { $clinic }：您将重新收到我们的短信。

reply-for-help = 回复HELP获取帮助。

which-visit = { $clinic }：您指的是哪次就诊？
which-visit-first = 1：{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。
which-visit-second = 2：{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。
which-visit-third = 3：{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。
which-visit-fourth = 4：{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。
which-visit-reply = 请回复数字。
