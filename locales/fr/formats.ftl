### No native speaker has reviewed this translation yet. Corrections are welcome.
### "Aout", as the spelling of 1990 allows: "û" is not in GSM-7 and made texts dear on every day of the month.

sp = { " " }

month-aug = aout

money-usd = { $amount } $
money-eur = { $amount } €
money-gbp = { $amount } £
money-other = { $amount } { $currency }
