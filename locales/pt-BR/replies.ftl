### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: mensagens sobre suas consultas e pagamentos.

rates = Podem incidir tarifas de mensagens e dados.

reply-stopped = { $clinic }: o envio de mensagens foi encerrado.

reply-stopped-undo = Responda START para receber de novo.

reply-started = { $clinic }: o envio de mensagens foi retomado.

reply-for-help = Responda HELP para ajuda.

which-visit = { $clinic }: de qual consulta se trata?
which-visit-first = 1: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-second = 2: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-third = 3: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-fourth = 4: { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
which-visit-reply = Responda com o algarismo.
