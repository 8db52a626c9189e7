### No native speaker has reviewed this translation yet. Corrections are welcome.

otp = { $brand }: আপনার কোড { $code }।

otp-lifetime = এটি { $minutes } মিনিট চলবে।

otp-lifetime-short = মেয়াদ { $minutes } মিনিট।

otp-keep-secret = কাউকে বলবেন না।
