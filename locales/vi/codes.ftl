### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }: mã của quý vị là { $code }.

otp-lifetime = Mã dùng được trong { $minutes } phút.

otp-lifetime-short = Hạn { $minutes } phút.

otp-keep-secret = Xin đừng cho ai biết mã này.

otp-keep-secret-short = Đừng cho ai biết.
