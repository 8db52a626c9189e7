### No native speaker has reviewed this translation yet. Corrections are welcome.

sp = { " " }

# "₱" is not in GSM-7.
money-php = PHP { $amount }
money-usd = ${ $amount }
money-eur = €{ $amount }
money-gbp = £{ $amount }
money-other = { $amount } { $currency }
