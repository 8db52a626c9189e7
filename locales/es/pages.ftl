### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = Este enlace ya no es válido

link-unknown = No existe este enlace

link-call = Llame a { $clinic }: { $phone }.

link-contact = Póngase en contacto con { $clinic }.
