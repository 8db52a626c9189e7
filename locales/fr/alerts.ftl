### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = Message urgent de { $clinic } : { $text }
