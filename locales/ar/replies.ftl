### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = من { $clinic }: رسائل عن مواعيدكم ومدفوعاتكم.

rates = قد تُطبق رسوم الرسائل والبيانات.

reply-stopped = من { $clinic }: لن تصلكم رسائل أخرى منا.

reply-stopped-undo = أرسلوا START لاستلامها مجددًا.

reply-started = من { $clinic }: ستصلكم رسائلنا مجددًا.

reply-for-help = أرسلوا HELP للمساعدة.

which-visit = من { $clinic }: أي موعد تقصدون؟
which-visit-first = الرقم 1: { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
which-visit-second = الرقم 2: { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
which-visit-third = الرقم 3: { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
which-visit-fourth = الرقم 4: { DATETIME($at, style: "day") } الساعة { DATETIME($at, style: "time") }.
which-visit-reply = أرسلوا الرقم.
