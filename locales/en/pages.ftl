### No native speaker has reviewed these texts yet. Corrections are welcome.
### The pages that a link in a text may lead to when it leads nowhere else. They are read in a browser: no
### limit of length.

# Title of the page of a link that is too old.
# Example: This link is over
link-over = This link is over

# Title of the page of an address that is no link.
# Example: There is no such link
link-unknown = There is no such link

# Below the title, where the clinic has given its number.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $phone (Text) - the clinic's number, e.g. +1 206 555 0100
# Example: Please call Lakeside Clinic: +1 206 555 0100.
link-call = Please call { $clinic }: { $phone }.

# Below the title, where the clinic has given no number.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Please contact Lakeside Clinic.
link-contact = Please contact { $clinic }.
