### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }: { DATETIME($due, style: "date") }-এর মধ্যে { $amount } দিতে হবে।
payment-due-by-discreet = { $clinic }: { DATETIME($due, style: "date") }-এর মধ্যে একটি বিল দিতে হবে।

payment-due = { $clinic }: { $amount } বাকি আছে।
payment-due-discreet = { $clinic }: একটি বিল বাকি আছে।

payment-link = এখানে দিন:
