### No native speaker has reviewed this translation yet. Corrections are welcome.
### Frases comunes. De usted, con palabras sencillas y cortas. Mejor sin á, í, ó, ú: una sola de estas
### letras hace que el mensaje cueste el doble; é, ñ, ü, ¿ y ¡ no cuestan nada.

optout = Responda STOP para salir.
optout-short = STOP para salir.

reply-confirm-or-change = Responda C para confirmar o R para cambiar.
reply-confirm-or-change-short = C: confirmar, R: cambiar.

reply-change = Responda R para cambiar la fecha.
reply-change-short = R: cambiar la fecha.

call-to-rebook = Para otra fecha, llame al { $phone }.

call-with-questions = ¿Preguntas? Llame al { $phone }.

call-for-help = Para ayuda, llame al { $phone }.
