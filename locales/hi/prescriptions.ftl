### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }: आपके पर्चे की दवा तैयार है।
prescription-ready-discreet = { $clinic }: आपका ऑर्डर तैयार है।

prescription-pharmacy = स्थान: { $pharmacy }।

prescription-reference = संदर्भ: { $reference }।
