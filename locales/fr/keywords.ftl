### No native speaker has reviewed this translation yet. Corrections are welcome.

stop = arrêt, arret, arrêter, arreter, arrêtez, arretez, stop svp, stop merci, désinscription, desinscription, désinscrire, desinscrire, me désinscrire, désabonner, desabonner, désabonnement, plus de messages, plus de sms, plus de textos, ne plus recevoir

start = reprendre, reprise, réinscription, reinscription, réinscrire, reinscrire, recommencer, réactiver, reactiver

help = aide, aidez-moi, à l'aide, à l’aide, qui est-ce, c'est qui, c’est qui, qui êtes-vous, qui etes-vous

confirm = oui, o, ouais, d'accord, d’accord, dac, confirme, je confirme, confirmé, confirmer, confirmation, comfirme, c'est bon, c’est bon, je viens, je viendrai, j'y serai, j’y serai, je serai là, je serai la

reschedule = déplacer, deplacer, décaler, decaler, reporter, changer, changer de date, changer d'heure, changer d’heure, changer le rendez-vous, autre date, une autre date, autre jour, autre heure, modifier, reprogrammer

cancel = annuler, annulation, annuler le rendez-vous, annuler mon rendez-vous, annuler rdv, annuler mon rdv, je ne viens pas, je ne viendrai pas, je ne peux pas venir, je ne pourrai pas venir
