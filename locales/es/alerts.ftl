### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = Mensaje urgente de { $clinic }: { $text }
