### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = من { $clinic }: مبلغ { $amount } مستحق الدفع حتى { DATETIME($due, style: "date") }.
payment-due-by-discreet = من { $clinic }: لديكم دفعة مستحقة حتى { DATETIME($due, style: "date") }.

payment-due = من { $clinic }: مبلغ { $amount } مستحق الدفع.
payment-due-discreet = من { $clinic }: لديكم دفعة مستحقة.

payment-link = للدفع:
