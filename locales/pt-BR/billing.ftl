### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }: o valor de { $amount } vence em { DATETIME($due, style: "date") }.
payment-due-by-discreet = { $clinic }: um pagamento vence em { DATETIME($due, style: "date") }.

payment-due = { $clinic }: consta um pagamento pendente de { $amount }.
payment-due-discreet = { $clinic }: consta um pagamento pendente.

payment-link = Para pagar:
