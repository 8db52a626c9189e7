### No native speaker has reviewed this translation yet. Corrections are welcome.
### Fechas, dinero y espacios en los mensajes de texto.
###
### Weekdays are CLDR's (lun, mar, mié, jue, vie, dom) but for Saturday: "sáb" has a letter that is
### not in GSM-7 and made a text twice as dear on 52 days of the year. "mié" is safe. Months are
### written out, because "mar 3 de mar" is Tuesday and March; all twelve are in GSM-7.

sp = { " " }

weekday-sat = sab

month-jan = enero
month-feb = febrero
month-mar = marzo
month-apr = abril
month-may = mayo
month-jun = junio
month-jul = julio
month-aug = agosto
month-sep = septiembre
month-oct = octubre
month-nov = noviembre
month-dec = diciembre

# sab 7 de marzo
pattern-day = { $weekday } { $day } de { $month }
# 7 de marzo
pattern-date = { $day } de { $month }

money-usd = ${ $amount }
money-eur = { $amount } €
money-gbp = £{ $amount }
money-other = { $amount } { $currency }
