### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }: आपका कोड { $code } है।

otp-lifetime = यह { $minutes } मिनट तक चलेगा।

otp-keep-secret = इसे किसी को न बताएँ।
