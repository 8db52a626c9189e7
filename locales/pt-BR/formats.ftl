### No native speaker has reviewed this translation yet. Corrections are welcome.
### Weekdays and months are short, without full stops, and in GSM-7: CLDR's "sáb." and a "março" written out made
### texts dear on many days of the year.

sp = { " " }

weekday-mon = seg
weekday-tue = ter
weekday-wed = qua
weekday-thu = qui
weekday-fri = sex
weekday-sat = sab
weekday-sun = dom

month-jan = jan
month-feb = fev
month-mar = mar
month-apr = abr
month-may = mai
month-jun = jun
month-jul = jul
month-aug = ago
month-sep = set
month-oct = out
month-nov = nov
month-dec = dez

# sab, 7 de mar
pattern-day = { $weekday }, { $day } de { $month }

# 7 de mar
pattern-date = { $day } de { $month }

money-brl = R$ { $amount }
money-usd = US$ { $amount }
money-eur = { $amount } €
money-gbp = £ { $amount }
money-other = { $amount } { $currency }
