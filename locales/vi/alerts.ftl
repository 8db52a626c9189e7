### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = Tin khẩn từ { $clinic }: { $text }
