### No native speaker has reviewed this translation yet. Corrections are welcome.

sp = { " " }

money-usd = { $amount } دولار
money-eur = { $amount } يورو
money-gbp = { $amount } جنيه إسترليني
money-other = { $amount } { $currency }
