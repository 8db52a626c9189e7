### No native speaker has reviewed these texts yet. Corrections are welcome.
### Texts about payments.

# An amount is to be paid by a day.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $amount (Money) - with its currency, e.g. $25.50
#   $due (Time) - the last day; style "date" is Mar 7
# Example: Lakeside Clinic: $25.50 is due by Mar 7.
payment-due-by = { $clinic }: { $amount } is due by { DATETIME($due, style: "date") }.

# The same without the amount.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $due (Time) - the last day
# Example: Lakeside Clinic: a payment is due by Mar 7.
payment-due-by-discreet = { $clinic }: a payment is due by { DATETIME($due, style: "date") }.

# An amount is to be paid.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $amount (Money) - with its currency, e.g. $25.50
# Example: Lakeside Clinic: $25.50 is due.
payment-due = { $clinic }: { $amount } is due.

# The same without the amount.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: a payment is due.
payment-due-discreet = { $clinic }: a payment is due.

# Stands before the link. The link follows by itself.
# Example: Pay here: https://lakeside.example/l/7Kq2
payment-link = Pay here:
