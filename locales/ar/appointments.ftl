### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = من { $clinic }: لديكم موعد يوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
appointment-reminder-discreet = من { $clinic }: تذكير بيوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
appointment-reminder-named = من { $clinic }: { $name }، لديكم موعد يوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.

appointment-confirmation = من { $clinic }: تم حجز موعدكم يوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
appointment-confirmation-discreet = من { $clinic }: تم تأكيد حجزكم يوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.

appointment-canceled = من { $clinic }: تم إلغاء موعد يوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
appointment-canceled-discreet = من { $clinic }: تم إلغاء حجز يوم { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.

appointment-with = مع { $with }.

appointment-place = المكان: { $location }.

follow-up = من { $clinic }: شكرًا لزيارتكم.
follow-up-discreet = من { $clinic }: شكرًا لكم.

follow-up-link = شاركونا رأيكم:
