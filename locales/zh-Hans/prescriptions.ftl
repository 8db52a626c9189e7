### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }：您的处方已可领取。
prescription-ready-discreet = { $clinic }：您的订单已可领取。

prescription-pharmacy = 地点：{ $pharmacy }。

prescription-reference = 编号：{ $reference }。
