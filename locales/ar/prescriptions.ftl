### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = من { $clinic }: وصفتكم الطبية جاهزة للاستلام.
prescription-ready-discreet = من { $clinic }: طلبكم جاهز للاستلام.

prescription-pharmacy = المكان: { $pharmacy }.

prescription-reference = الرقم المرجعي: { $reference }.
