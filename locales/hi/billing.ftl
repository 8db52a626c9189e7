### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }: { $amount } का भुगतान { DATETIME($due, style: "date") } तक करें।
payment-due-by-discreet = { $clinic }: एक भुगतान { DATETIME($due, style: "date") } तक करना है।

payment-due = { $clinic }: { $amount } का भुगतान बाकी है।
payment-due-discreet = { $clinic }: एक भुगतान बाकी है।

payment-link = भुगतान यहाँ करें:
