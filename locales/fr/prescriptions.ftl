### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic } : vous pouvez retirer votre ordonnance.
prescription-ready-discreet = { $clinic } : vous pouvez retirer votre commande.

prescription-pharmacy = Lieu : { $pharmacy }.

prescription-reference = Référence : { $reference }.
