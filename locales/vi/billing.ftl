### No native speaker has reviewed this translation yet. Corrections are welcome.

payment-due-by = { $clinic }: số tiền { $amount } đến hạn ngày { DATETIME($due, style: "date") }.
payment-due-by-discreet = { $clinic }: có khoản thanh toán đến hạn ngày { DATETIME($due, style: "date") }.

payment-due = { $clinic }: quý vị cần thanh toán { $amount }.
payment-due-discreet = { $clinic }: quý vị có khoản cần thanh toán.

payment-link = Thanh toán tại:
