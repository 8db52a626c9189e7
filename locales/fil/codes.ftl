### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }: ang code ninyo ay { $code }.

otp-short = { $brand }: code ninyo: { $code }.

otp-lifetime = Magagamit ito nang { $minutes } minuto.

otp-lifetime-short = Valid { $minutes } min.

otp-keep-secret = Huwag po itong ibigay kaninuman.

otp-keep-secret-short = Huwag ibigay.
