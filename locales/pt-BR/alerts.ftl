### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = Mensagem urgente de { $clinic }: { $text }
