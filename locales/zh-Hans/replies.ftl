### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }：就诊和付款短信通知。

rates = 可能产生短信和流量费用。

reply-stopped = { $clinic }：您将不再收到我们的短信。

reply-stopped-undo = 回复START重新接收。

reply-started = { $clinic }：您将重新收到我们的短信。

reply-for-help = 回复HELP获取帮助。
