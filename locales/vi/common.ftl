### No native speaker has reviewed this translation yet. Corrections are welcome.
### Xưng hô "quý vị", lời ngắn và dễ hiểu. Luôn viết đủ dấu: bỏ dấu thì rẻ hơn nhưng dễ hiểu sai.

optout = Trả lời STOP để ngừng nhận tin.
optout-short = STOP để ngừng.

reply-confirm-or-change = Trả lời C để xác nhận, R để đổi lịch.
reply-confirm-or-change-short = C: xác nhận, R: đổi lịch.

reply-change = Trả lời R để đổi lịch.
reply-change-short = R: đổi lịch.

call-to-rebook = Để đặt lịch mới, xin gọi { $phone }.

call-with-questions = Có thắc mắc? Xin gọi { $phone }.

call-for-help = Cần giúp đỡ, xin gọi { $phone }.
