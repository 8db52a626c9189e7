### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand } : votre code est { $code }.

otp-lifetime =
    { $minutes ->
        [one] Il est valable { $minutes } minute.
       *[other] Il est valable { $minutes } minutes.
    }

otp-lifetime-short = Valable { $minutes } min.

otp-keep-secret = Ne le communiquez à personne.

otp-keep-secret-short = Secret.
