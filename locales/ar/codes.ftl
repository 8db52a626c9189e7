### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = من { $brand }: رمزكم هو { $code }.

otp-lifetime =
    { $minutes ->
        [zero] الرمز صالح لأقل من دقيقة.
        [one] الرمز صالح لمدة دقيقة واحدة.
        [two] الرمز صالح لمدة دقيقتين.
        [few] الرمز صالح لمدة { $minutes } دقائق.
        [many] الرمز صالح لمدة { $minutes } دقيقة.
       *[other] الرمز صالح لمدة { $minutes } دقيقة.
    }

otp-lifetime-short = صالح { $minutes } د.

otp-keep-secret = لا تشاركوه مع أحد.

otp-keep-secret-short = لا تشاركوه.
