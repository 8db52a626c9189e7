### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic }: may appointment po kayo sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
appointment-reminder-discreet = { $clinic }: paalala po para sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
appointment-reminder-named = { $clinic }: { $name }, may appointment po kayo sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

appointment-confirmation = { $clinic }: nakatakda po ang appointment ninyo sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
appointment-confirmation-discreet = { $clinic }: nakalista na po kayo para sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

appointment-canceled = { $clinic }: kanselado po ang appointment sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
appointment-canceled-discreet = { $clinic }: kanselado po ang booking sa { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

appointment-with = Kay { $with }.

appointment-place = Lugar: { $location }.

follow-up = { $clinic }: salamat po sa pagbisita ninyo.
follow-up-discreet = { $clinic }: salamat po.

follow-up-link = Ibahagi po ang karanasan ninyo:
