### No native speaker has reviewed this translation yet. Corrections are welcome.
### Tratamento formal, palavras simples. Sem ã, õ, ç, á, í, ó, ú, â, ê, ô: uma só dessas letras faz a mensagem
### custar mais que o dobro; é e à não custam nada.

optout = Responda STOP para sair.
optout-short = STOP para sair.

reply-confirm-or-change = Responda C para confirmar ou R para remarcar.
reply-confirm-or-change-short = C: confirmar, R: remarcar.

reply-change = Responda R para remarcar.
reply-change-short = R: remarcar.

call-to-rebook = Para remarcar, ligue para { $phone }.

call-with-questions = Perguntas? Ligue para { $phone }.

call-for-help = Para ajuda, ligue para { $phone }.
