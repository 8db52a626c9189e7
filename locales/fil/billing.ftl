### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }: { $amount } po ang babayaran hanggang { DATETIME($due, style: "date") }.
payment-due-by-discreet = { $clinic }: may babayaran po kayo hanggang { DATETIME($due, style: "date") }.

payment-due = { $clinic }: { $amount } po ang babayaran ninyo.
payment-due-discreet = { $clinic }: may babayaran po kayo.

payment-link = Magbayad po dito:
