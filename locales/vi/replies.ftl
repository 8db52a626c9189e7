### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: tin nhắn về lịch hẹn và thanh toán của quý vị.

rates = Có thể tính cước tin nhắn và dữ liệu.

reply-stopped = { $clinic }: quý vị sẽ không nhận tin nhắn nữa.

reply-stopped-undo = Trả lời START để nhận lại.

reply-started = { $clinic }: quý vị sẽ nhận lại tin nhắn của chúng tôi.

reply-for-help = Trả lời HELP để được giúp đỡ.

which-visit = { $clinic }: quý vị muốn nói lịch hẹn nào?
which-visit-first = 1: { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
which-visit-second = 2: { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
which-visit-third = 3: { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
which-visit-fourth = 4: { DATETIME($at, style: "day") } lúc { DATETIME($at, style: "time") }.
which-visit-reply = Trả lời bằng số thứ tự.
