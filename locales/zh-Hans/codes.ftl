### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }：您的验证码是{ $code }。

otp-lifetime = { $minutes }分钟内有效。

otp-keep-secret = 请勿告诉任何人。
