### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }: ya puede recoger su receta.
prescription-ready-discreet = { $clinic }: ya puede recoger su pedido.

prescription-pharmacy = Lugar: { $pharmacy }.

prescription-reference = Referencia: { $reference }.
