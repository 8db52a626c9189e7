### No native speaker has reviewed these texts yet. Corrections are welcome.
### How dates, money and spaces look in text messages. English leaves dates and times to CLDR:
### "Sat, Mar 7" and "2:30 PM" in the United States, "Sat 7 Mar" and "14:30" in the United Kingdom.
###
### A locale may set, where CLDR's word is wrong or makes a text expensive:
###   weekday-mon to weekday-sun, month-jan to month-dec (the words)
###   pattern-day from $weekday, $day and $month; pattern-date from $day and $month

# What stands between two sentences. Nothing, { "" }, in languages written without spaces.
sp = { " " }

# US dollars. The host has already written the digits as the region does.
# Variables:
#   $amount (Text) - the digits, e.g. 1,250.00
# Example: $1,250.00
money-usd = ${ $amount }

# Pounds.
# Variables:
#   $amount (Text) - the digits, e.g. 1,250.00
# Example: £1,250.00
money-gbp = £{ $amount }

# Euros.
# Variables:
#   $amount (Text) - the digits, e.g. 1,250.00
# Example: €1,250.00
money-eur = €{ $amount }

# Every other currency.
# Variables:
#   $amount (Text) - the digits, e.g. 1,250.00
#   $currency (Text) - three letters, e.g. CHF
# Example: 1,250.00 CHF
money-other = { $amount } { $currency }
