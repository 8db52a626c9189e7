### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = Agarang mensahe mula sa { $clinic }: { $text }
