### No native speaker has reviewed these texts yet. Corrections are welcome.
### Words that readers send, each as a whole text. Capital letters and the punctuation around a word do
### not matter. Write the words with commas between them, with the misspellings that people make. Twilio's own
### words (STOP, CANCEL, END, QUIT, UNSUBSCRIBE, START, HELP and some more) work in every language and need
### not be repeated; none of them can mean anything else.

# No more texts.
stop = stop all, stop texts, stop texting, stop texting me, stop please, please stop, stopp, stpo, unsub, opt out, remove me, no more texts, do not text me, don't text me

# Texts again.
start = restart, subscribe, resume, opt in

# Who is this?
help = help me, who is this, who are you

# I will come.
confirm = y, yes, yea, yeah, yep, yes please, ok, okay, confirm, confirmed, comfirm, confrim, conferm, i confirm, i will be there, i'll be there, see you then

# I need another time.
reschedule = reschedule, resched, reschedual, reshedule, re-schedule, change, change time, another time, different time, move

# I will not come. Never one of Twilio's words, such as CANCEL.
cancel = cancel visit, cancel appointment, cancel my visit, cancel my appointment, can't come, cant come, cannot come, can't make it, cant make it, cannot make it, not coming
