### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic } : rendez-vous le { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
appointment-reminder-discreet = { $clinic } : un rappel pour le { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
appointment-reminder-named = { $clinic } : { $name }, vous avez rendez-vous le { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.

appointment-confirmation = { $clinic } : votre rendez-vous est prévu le { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.
appointment-confirmation-discreet = { $clinic } : c'est noté pour le { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") }.

appointment-canceled = { $clinic } : le rendez-vous du { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") } est annulé.
appointment-canceled-discreet = { $clinic } : la réservation du { DATETIME($at, style: "day") } à { DATETIME($at, style: "time") } est annulée.

appointment-with = Avec { $with }.

appointment-place = Lieu : { $location }.

follow-up = { $clinic } : merci de votre visite.
follow-up-discreet = { $clinic } : merci.

follow-up-link = Donnez votre avis :
