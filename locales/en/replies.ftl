### No native speaker has reviewed these texts yet. Corrections are welcome.
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

# To a reply that may be about several visits: which one? The visits follow, each with a number.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: which visit do you mean?
which-visit = { $clinic }: which visit do you mean?

# The first visit to choose from. Keep the digit.
# Variables:
#   $at (Time) - start of the visit
# Example: 1: Sat, Mar 7, 2:30 PM.
which-visit-first = 1: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

# The second visit to choose from. Keep the digit.
# Variables:
#   $at (Time) - start of the visit
# Example: 2: Mon, Mar 9, 9:00 AM.
which-visit-second = 2: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

# The third visit to choose from. Keep the digit.
# Variables:
#   $at (Time) - start of the visit
# Example: 3: Wed, Sep 30, 12:15 AM.
which-visit-third = 3: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

# The fourth visit to choose from. Keep the digit.
# Variables:
#   $at (Time) - start of the visit
# Example: 4: Thu, Oct 1, 11:45 AM.
which-visit-fourth = 4: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.

# How to choose.
# Example: Reply with the number.
which-visit-reply = Reply with the number.
