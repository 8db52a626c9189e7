### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic }: आपकी अपॉइंटमेंट { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") } पर है।
appointment-reminder-discreet = { $clinic }: याद दिला रहे हैं: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
appointment-reminder-named = { $clinic }: { $name } जी, आपकी अपॉइंटमेंट { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") } पर है।

appointment-confirmation = { $clinic }: आपकी अपॉइंटमेंट { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") } के लिए तय है।
appointment-confirmation-discreet = { $clinic }: आपकी बुकिंग { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") } के लिए तय है।

appointment-canceled = { $clinic }: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") } की अपॉइंटमेंट रद्द हो गई है।
appointment-canceled-discreet = { $clinic }: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") } की बुकिंग रद्द हो गई है।

appointment-with = { $with } के साथ।

appointment-place = स्थान: { $location }।

follow-up = { $clinic }: आने के लिए धन्यवाद।
follow-up-discreet = { $clinic }: धन्यवाद।

follow-up-link = अपना अनुभव बताएँ:
