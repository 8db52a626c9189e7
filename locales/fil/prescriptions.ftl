### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }: maaari na po ninyong kunin ang reseta ninyo.
prescription-ready-discreet = { $clinic }: maaari na po ninyong kunin ang order ninyo.

prescription-pharmacy = Lugar: { $pharmacy }.

prescription-reference = Reference: { $reference }.
