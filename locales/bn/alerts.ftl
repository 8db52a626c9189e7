### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = { $clinic } থেকে জরুরি বার্তা: { $text }
