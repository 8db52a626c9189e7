### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic }：请于{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }就诊。
appointment-reminder-discreet = { $clinic }：提醒您，时间是{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。
appointment-reminder-named = { $clinic }：{ $name }您好，请于{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }就诊。

appointment-confirmation = { $clinic }：您的就诊已预约在{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。
appointment-confirmation-discreet = { $clinic }：已为您预约{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }。

appointment-canceled = { $clinic }：{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }的就诊已取消。
appointment-canceled-discreet = { $clinic }：{ DATETIME($at, style: "day") } { DATETIME($at, style: "time") }的预约已取消。

appointment-with = 医生：{ $with }。

appointment-place = 地点：{ $location }。

follow-up = { $clinic }：感谢您来就诊。
follow-up-discreet = { $clinic }：谢谢您。

follow-up-link = 请告诉我们您的感受：
