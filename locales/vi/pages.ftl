### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = Liên kết này đã hết hạn

link-unknown = Không có liên kết này

link-call = Vui lòng gọi { $clinic }: { $phone }.

link-contact = Vui lòng liên hệ { $clinic }.
