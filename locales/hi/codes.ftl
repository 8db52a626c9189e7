### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }: आपका कोड { $code } है।

otp-lifetime = यह { $minutes } मिनट तक चलेगा।

otp-lifetime-short = { $minutes } मिनट मान्य।

otp-keep-secret = इसे किसी को न बताएँ।

otp-keep-secret-short = किसी को न बताएँ।
