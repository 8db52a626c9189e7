### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = Este link não é mais válido

link-unknown = Este link não existe

link-call = Ligue para { $clinic }: { $phone }.

link-contact = Entre em contato com { $clinic }.
