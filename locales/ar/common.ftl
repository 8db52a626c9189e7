### No native speaker has reviewed this translation yet. Corrections are welcome.
### صيغة الاحترام بالجمع، وكلمات بسيطة قصيرة.
### Every text begins with an Arabic word, never with a name in Latin letters: a telephone takes the direction of the
### whole text from its first letter.

optout = للإيقاف أرسلوا STOP.
optout-short = للإيقاف: STOP.

reply-confirm-or-change = أرسلوا C للتأكيد، R للتغيير.
reply-confirm-or-change-short = للتأكيد C، للتغيير R.

reply-change = أرسلوا R لتغيير الوقت.
reply-change-short = لتغيير الوقت: R.

call-to-rebook = لاختيار وقت آخر اتصلوا بالرقم { $phone }.

call-with-questions = للأسئلة اتصلوا بالرقم { $phone }.

call-for-help = للمساعدة اتصلوا بالرقم { $phone }.
