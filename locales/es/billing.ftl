### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }: tiene un pago de { $amount } que vence el { DATETIME($due, style: "date") }.
payment-due-by-discreet = { $clinic }: tiene un pago que vence el { DATETIME($due, style: "date") }.

payment-due = { $clinic }: tiene un pago pendiente de { $amount }.
payment-due-discreet = { $clinic }: tiene un pago pendiente.

payment-link = Para pagar:
