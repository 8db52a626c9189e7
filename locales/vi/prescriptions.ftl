### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }: toa thuốc của quý vị đã sẵn sàng.
prescription-ready-discreet = { $clinic }: đơn hàng của quý vị đã sẵn sàng.

prescription-pharmacy = Địa điểm: { $pharmacy }.

prescription-reference = Mã số: { $reference }.
