### No native speaker has reviewed these texts yet. Corrections are welcome.
### One-time codes.

# The code. Say nothing of what it opens.
# Variables:
#   $brand (Text) - the clinic's name, e.g. Lakeside Clinic
#   $code (Text) - digits, e.g. 482913; do not group or format them
# Example: Lakeside Clinic: your code is 482913.
otp = { $brand }: your code is { $code }.

# How long it can be used.
# Variables:
#   $minutes (Number) - e.g. 5
# Example: It works for 5 minutes.
otp-lifetime =
    { $minutes ->
        [one] It works for { $minutes } minute.
       *[other] It works for { $minutes } minutes.
    }

# The same, shorter.
# Variables:
#   $minutes (Number) - e.g. 5
# Example: Valid 5 min.
otp-lifetime-short = Valid { $minutes } min.

# Against people who ask for codes on the telephone.
# Example: Do not share it with anyone.
otp-keep-secret = Do not share it with anyone.

# The same, shorter.
# Example: Do not share it.
otp-keep-secret-short = Do not share it.
