### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic } : { $amount } à régler au plus tard le { DATETIME($due, style: "date") }.
payment-due-by-discreet = { $clinic } : un montant est à régler au plus tard le { DATETIME($due, style: "date") }.

payment-due = { $clinic } : { $amount } à régler.
payment-due-discreet = { $clinic } : un montant est à régler.

payment-link = Pour payer :
