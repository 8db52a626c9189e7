### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = { $clinic }紧急通知：{ $text }
