### No native speaker has reviewed this translation yet. Corrections are welcome.
### "Clave" y no "código": la ó haría que cada mensaje costara más.

otp = { $brand }: su clave es { $code }.

otp-lifetime =
    { $minutes ->
        [one] Vale por { $minutes } minuto.
       *[other] Vale por { $minutes } minutos.
    }

otp-keep-secret = No la comparta con nadie.
