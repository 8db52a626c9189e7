### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic } : messages sur vos rendez-vous et paiements.

rates = Des frais de messages et de données peuvent s'appliquer.

reply-stopped = { $clinic } : vous ne recevrez plus nos messages.

reply-stopped-undo = Répondez START pour les recevoir à nouveau.

reply-started = { $clinic } : vous recevrez à nouveau nos messages.

reply-for-help = Répondez HELP pour obtenir de l'aide.

which-visit = { $clinic } : de quel rendez-vous parlez-vous ?
which-visit-first = 1 : { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
which-visit-second = 2 : { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
which-visit-third = 3 : { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
which-visit-fourth = 4 : { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
which-visit-reply = Répondez avec le numéro.
