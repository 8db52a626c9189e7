### No native speaker has reviewed this translation yet. Corrections are welcome.

sp = { "" }

money-cny = { $amount }元
money-usd = { $amount }美元
money-eur = { $amount }欧元
money-gbp = { $amount }英镑
money-other = { $amount } { $currency }
