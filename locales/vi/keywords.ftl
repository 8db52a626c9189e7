### No native speaker has reviewed this translation yet. Corrections are welcome.
### "Hủy" alone is in none of the lists: it may mean the visit, and it may mean the texts. "Dung" without its
### marks is no word to stop: it may be "đúng", which agrees.

stop = dừng, dừng lại, ngừng, ngưng, ngung, ngừng nhắn tin, ngưng nhắn tin, ngung nhan tin, ngừng gửi, ngừng gửi tin, ngung gui, đừng nhắn nữa, đừng nhắn tin nữa, dung nhan tin nua, đừng gửi nữa, dung gui nua, hủy đăng ký, huỷ đăng ký, huy dang ky

start = bắt đầu, bat dau, bắt đầu lại, nhận lại, nhan lai, nhận tin lại, đăng ký, đăng ký lại, dang ky lai

help = giúp, giup, giúp tôi, giup toi, giúp đỡ, giup do, trợ giúp, tro giup, ai vậy, ai vay, ai đó, ai đấy

confirm = có, co, dạ, da, dạ có, da co, vâng, vang, dạ vâng, da vang, ừ, đồng ý, dong y, xác nhận, xac nhan, tôi xác nhận, đúng, đúng rồi, được, duoc, sẽ đến, se den, tôi sẽ đến, toi se den, tôi sẽ tới

reschedule = đổi, đổi lịch, doi lich, đổi lịch hẹn, doi lich hen, đổi hẹn, doi hen, đổi giờ, doi gio, đổi ngày, doi ngay, dời lịch, dời hẹn, hẹn lại, hen lai, ngày khác, ngay khac, giờ khác, gio khac, hôm khác, hom khac

cancel = hủy hẹn, huỷ hẹn, huy hen, hủy lịch, huỷ lịch, huy lich, hủy lịch hẹn, huỷ lịch hẹn, huy lich hen, không đến, khong den, không đến được, khong den duoc, tôi không đến được, không thể đến, khong the den
