### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = رسالة عاجلة من { $clinic }: { $text }
