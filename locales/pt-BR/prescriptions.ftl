### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }: sua receita pode ser retirada.
prescription-ready-discreet = { $clinic }: seu pedido pode ser retirado.

prescription-pharmacy = Local: { $pharmacy }.

prescription-reference = Ref.: { $reference }.
