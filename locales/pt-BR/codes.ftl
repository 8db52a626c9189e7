### No native speaker has reviewed this translation yet. Corrections are welcome.
### "Senha" e não "código": a letra ó faria a mensagem custar mais.

otp = { $brand }: sua senha é { $code }.

otp-lifetime =
    { $minutes ->
        [one] Ela vale por { $minutes } minuto.
       *[other] Ela vale por { $minutes } minutos.
    }

otp-lifetime-short = Vale { $minutes } min.

otp-keep-secret = Nunca a passe a ninguém.

otp-keep-secret-short = Nunca a repasse.
