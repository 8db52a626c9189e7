### No native speaker has reviewed these texts yet. Corrections are welcome.
### Texts about visits. The first sentence names the clinic and says day and time. The reason for a
### visit is never named: texts show on locked telephones.

# Some time before a visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $at (Time) - start of the visit in the recipient's time zone; style "day" is Sat, Mar 7
# Example: Lakeside Clinic: you have a visit on Sat, Mar 7 at 2:30 PM.
appointment-reminder = { $clinic }: you have a visit on { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") }.

# The same without the word visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $at (Time) - start of the visit
# Example: Lakeside Clinic: a reminder for Sat, Mar 7 at 2:30 PM.
appointment-reminder-discreet = { $clinic }: a reminder for { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") }.

# The same with the name of a reader who wants details.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $name (Text) - the recipient's name, e.g. Ana
#   $at (Time) - start of the visit
# Example: Lakeside Clinic: Ana, you have a visit on Sat, Mar 7 at 2:30 PM.
appointment-reminder-named = { $clinic }: { $name }, you have a visit on { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") }.

# A visit was booked or moved.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $at (Time) - start of the visit
# Example: Lakeside Clinic: your visit is booked for Sat, Mar 7 at 2:30 PM.
appointment-confirmation = { $clinic }: your visit is booked for { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") }.

# The same without the word visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $at (Time) - start of the visit
# Example: Lakeside Clinic: you are booked for Sat, Mar 7 at 2:30 PM.
appointment-confirmation-discreet = { $clinic }: you are booked for { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") }.

# A visit does not take place. Goes to patients and doctors, so it does not say whose visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $at (Time) - when the visit would have begun
# Example: Lakeside Clinic: the visit on Sat, Mar 7 at 2:30 PM is canceled.
appointment-canceled = { $clinic }: the visit on { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") } is canceled.

# The same without the word visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $at (Time) - when the visit would have begun
# Example: Lakeside Clinic: the booking on Sat, Mar 7 at 2:30 PM is canceled.
appointment-canceled-discreet = { $clinic }: the booking on { DATETIME($at, style: "day") } at { DATETIME($at, style: "time") } is canceled.

# Whose visit it is: only for readers who want details, because a doctor's name tells of an illness.
# Variables:
#   $with (Text) - the doctor's name, e.g. Dr. Okafor
# Example: With Dr. Okafor.
appointment-with = With { $with }.

# Where the visit is.
# Variables:
#   $location (Text) - an address or a room, e.g. 12 Main St
# Example: Place: 12 Main St.
appointment-place = Place: { $location }.

# After a visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: thank you for your visit.
follow-up = { $clinic }: thank you for your visit.

# The same without the word visit.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: thank you.
follow-up-discreet = { $clinic }: thank you.

# Stands before a link to a short survey. The link follows by itself.
# Example: Tell us how it went: https://lakeside.example/l/7Kq2
follow-up-link = Tell us how it went:
