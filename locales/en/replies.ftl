### Answers to HELP, STOP and START. Carriers demand that the answer to HELP says who writes, whom to
### call, that texts may cost money, and how to stop.

# To HELP: who writes, and what about.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: texts about your visits and payments.
reply-help = { $clinic }: texts about your visits and payments.

# To HELP: what it may cost.
# Example: Message and data rates may apply.
rates = Message and data rates may apply.

# To STOP.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: you will get no more texts from us.
reply-stopped = { $clinic }: you will get no more texts from us.

# To STOP: the way back. START stays in Latin letters in every language.
# Example: Reply START to get them again.
reply-stopped-undo = Reply START to get them again.

# To START.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: you will get our texts again.
reply-started = { $clinic }: you will get our texts again.

# To START. HELP stays in Latin letters in every language.
# Example: Reply HELP for help.
reply-for-help = Reply HELP for help.
