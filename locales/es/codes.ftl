### No native speaker has reviewed this translation yet. Corrections are welcome.
### "Clave" y no "código": la ó haría que cada mensaje costara más.

otp = { $brand }: su clave es { $code }.

otp-lifetime =
    { $minutes ->
        [one] Vale por { $minutes } minuto.
       *[other] Vale por { $minutes } minutos.
    }

otp-lifetime-short = Vale { $minutes } min.

otp-keep-secret = No la comparta con nadie.

otp-keep-secret-short = No la comparta.
