### No native speaker has reviewed these texts yet. Corrections are welcome.
### Sentences that several text messages share. Each must make sense by itself, because the host
### puts them together.
###
### Everywhere: one text is 160 characters as long as every character is in GSM-7 (no curly quotes,
### no long dashes, no ellipsis character). A message whose name ends in -short is used when the
### text would otherwise cost more than it may; one that ends in -discreet is for readers whose
### telephone is seen by others; one that ends in -detailed is for those who want more.

# How to stop all texts. Stands at the end. STOP stays in Latin letters in every language:
# carriers act on this word.
# Example: Reply STOP to opt out.
optout = Reply STOP to opt out.

# The same, shorter.
# Example: STOP to opt out.
optout-short = STOP to opt out.

# How to answer a reminder. C and R are what the clinic's system understands; keep these letters.
# Example: Reply C to confirm, R to reschedule.
reply-confirm-or-change = Reply C to confirm, R to reschedule.

# The same, shorter.
# Example: C: confirm, R: reschedule.
reply-confirm-or-change-short = C: confirm, R: reschedule.

# How to ask for another time. Keep the letter R.
# Example: Reply R to reschedule.
reply-change = Reply R to reschedule.

# The same, shorter.
# Example: R: reschedule.
reply-change-short = R: reschedule.

# Whom to call for another time.
# Variables:
#   $phone (Text) - the clinic's number, e.g. +1 206 555 0100
# Example: To book a new time, call +1 206 555 0100.
call-to-rebook = To book a new time, call { $phone }.

# Whom to call with questions after a visit.
# Variables:
#   $phone (Text) - the clinic's number, e.g. +1 206 555 0100
# Example: Questions? Call +1 206 555 0100.
call-with-questions = Questions? Call { $phone }.

# Whom to call, in the answer to HELP.
# Variables:
#   $phone (Text) - the clinic's number, e.g. +1 206 555 0100
# Example: For help call +1 206 555 0100.
call-for-help = For help call { $phone }.
