### No native speaker has reviewed this translation yet. Corrections are welcome.

urgent-alert = { $clinic } से ज़रूरी सूचना: { $text }
