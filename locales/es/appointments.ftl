### No native speaker has reviewed this translation yet. Corrections are welcome.
### La hora va entre paréntesis: no hay que elegir entre "a la" y "a las", y "p.m." no acaba la frase
### con dos puntos.

appointment-reminder = { $clinic }: tiene cita el { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-reminder-discreet = { $clinic }: le esperamos el { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-reminder-named = { $clinic }: { $name }, tiene cita el { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).

appointment-confirmation = { $clinic }: su cita es el { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-confirmation-discreet = { $clinic }: su reserva es el { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).

appointment-canceled = { $clinic }: se cancela la cita del { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).
appointment-canceled-discreet = { $clinic }: se cancela la reserva del { DATETIME($at, style: "day") } ({ DATETIME($at, style: "time") }).

appointment-with = Con { $with }.

appointment-place = Lugar: { $location }.

follow-up = { $clinic }: gracias por su visita.
follow-up-discreet = { $clinic }: gracias.

follow-up-link = Cuente su experiencia:
