### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic }: quý vị có hẹn khám { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
appointment-reminder-discreet = { $clinic }: lời nhắc cho { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
appointment-reminder-named = { $clinic }: anh/chị { $name } có hẹn khám { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.

appointment-confirmation = { $clinic }: lịch hẹn khám của quý vị là { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
appointment-confirmation-discreet = { $clinic }: lịch hẹn của quý vị là { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.

appointment-canceled = { $clinic }: đã hủy lịch hẹn khám { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
appointment-canceled-discreet = { $clinic }: đã hủy lịch hẹn { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.

appointment-with = Với { $with }.

appointment-place = Địa điểm: { $location }.

follow-up = { $clinic }: cảm ơn quý vị đã đến khám.
follow-up-discreet = { $clinic }: cảm ơn quý vị.

follow-up-link = Xin cho biết ý kiến:
