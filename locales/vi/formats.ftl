### No native speaker has reviewed this translation yet. Corrections are welcome.
### Months are numbers and the word "tháng" stands before them: 7/3 is July 3 in the United States and March 7 in
### Vietnam.

sp = { " " }

weekday-mon = Thứ Hai
weekday-tue = Thứ Ba
weekday-wed = Thứ Tư
weekday-thu = Thứ Năm
weekday-fri = Thứ Sáu
weekday-sat = Thứ Bảy
weekday-sun = Chủ Nhật

month-jan = 1
month-feb = 2
month-mar = 3
month-apr = 4
month-may = 5
month-jun = 6
month-jul = 7
month-aug = 8
month-sep = 9
month-oct = 10
month-nov = 11
month-dec = 12

# Thứ Bảy, 7 tháng 3
pattern-day = { $weekday }, { $day } tháng { $month }

# 7 tháng 3
pattern-date = { $day } tháng { $month }

money-vnd = { $amount } đồng
money-usd = { $amount } USD
money-eur = { $amount } EUR
money-gbp = { $amount } GBP
money-other = { $amount } { $currency }
