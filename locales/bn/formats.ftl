### No native speaker has reviewed this translation yet. Corrections are welcome.

sp = { " " }

money-bdt = { $amount } টাকা
money-usd = ${ $amount }
money-eur = €{ $amount }
money-gbp = £{ $amount }
money-other = { $amount } { $currency }
