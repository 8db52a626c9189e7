### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = Tapos na ang link na ito

link-unknown = Walang ganitong link

link-call = Pakitawagan po ang { $clinic }: { $phone }.

link-contact = Makipag-ugnayan po sa { $clinic }.
