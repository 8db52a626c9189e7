### No native speaker has reviewed this translation yet. Corrections are welcome.

sp = { " " }

money-inr = { $amount } रुपये
money-usd = ${ $amount }
money-eur = €{ $amount }
money-gbp = £{ $amount }
money-other = { $amount } { $currency }
