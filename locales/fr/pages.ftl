### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = Ce lien n'est plus valable

link-unknown = Ce lien n'existe pas

link-call = Veuillez appeler { $clinic } : { $phone }.

link-contact = Veuillez contacter { $clinic }.
