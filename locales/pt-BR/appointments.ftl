### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic }: sua consulta é em { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-reminder-discreet = { $clinic }: lembrete para { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-reminder-named = { $clinic }: { $name }, sua consulta é em { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).

appointment-confirmation = { $clinic }: sua consulta foi marcada para { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-confirmation-discreet = { $clinic }: sua reserva foi marcada para { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).

appointment-canceled = { $clinic }: a consulta de { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }) foi cancelada.
appointment-canceled-discreet = { $clinic }: a reserva de { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }) foi cancelada.

appointment-with = Com { $with }.

appointment-place = Local: { $location }.

follow-up = { $clinic }: agradecemos a sua visita.
follow-up-discreet = { $clinic }: agradecemos.

follow-up-link = Conte como foi:
