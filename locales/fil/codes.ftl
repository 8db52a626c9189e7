### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }: ang code ninyo ay { $code }.

otp-lifetime = Magagamit ito nang { $minutes } minuto.

otp-keep-secret = Huwag po itong ibigay kaninuman.
