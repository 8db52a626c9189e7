### No native speaker has reviewed this translation yet. Corrections are welcome.
### Vouvoiement, mots simples. Sans ç, ê, û, ô, â ni î : une seule de ces lettres fait payer le message
### plus du double ; é, è, à et ù ne coûtent rien.

optout = Répondez STOP pour vous désinscrire.
optout-short = STOP : désinscription.

reply-confirm-or-change = Répondez C pour confirmer, R pour déplacer.
reply-confirm-or-change-short = C : confirmer, R : déplacer.

reply-change = Répondez R pour déplacer.
reply-change-short = R : déplacer.

call-to-rebook = Pour une autre date, appelez le { $phone }.

call-with-questions = Des questions ? Appelez le { $phone }.

call-for-help = Pour de l'aide, appelez le { $phone }.
