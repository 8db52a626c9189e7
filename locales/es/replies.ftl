### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: mensajes sobre sus citas y pagos.

rates = Puede haber cargos por mensajes y datos.

reply-stopped = { $clinic }: ya no le enviaremos mensajes.

reply-stopped-undo = Responda START para recibirlos otra vez.

reply-started = { $clinic }: vuelve a recibir nuestros mensajes.

reply-for-help = Responda HELP si necesita ayuda.

which-visit = { $clinic }: ¿de qué cita habla?
which-visit-first = 1: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-second = 2: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-third = 3: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-fourth = 4: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-reply = Responda con la cifra.
