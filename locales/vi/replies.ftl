### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: tin nhắn về lịch hẹn và thanh toán của quý vị.

rates = Có thể tính cước tin nhắn và dữ liệu.

reply-stopped = { $clinic }: quý vị sẽ không nhận tin nhắn nữa.

reply-stopped-undo = Trả lời START để nhận lại.

reply-started = { $clinic }: quý vị sẽ nhận lại tin nhắn của chúng tôi.

reply-for-help = Trả lời HELP để được giúp đỡ.
