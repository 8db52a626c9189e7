### No native speaker has reviewed this translation yet. Corrections are welcome.
### A lone 取消 is in none of the lists: it may mean the visit, and it may mean the texts.

stop = 停止，停止短信，退订，退訂，取消订阅，取消訂閱，不要再发，不要再發，不要再发短信，别发了，别再发了，拒收

start = 开始，開始，恢复，恢復，恢复短信，订阅，訂閱，重新订阅，重新接收

help = 帮助，幫助，求助，你是谁，您是谁，你们是谁，这是谁，你是誰

confirm = 是，是的，好，好的，行，可以，没问题，確認，确认，会来，会去，我会来，我会去，會去，我會去

reschedule = 改期，改时间，改時間，更改，更改时间，换时间，換時間，另约，改天，换一天

cancel = 取消预约，取消預約，取消就诊，取消就診，不来了，不去了，来不了，去不了，不能来，不能去，我不能来
