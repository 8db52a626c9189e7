### No native speaker has reviewed these texts yet. Corrections are welcome.
### Texts about prescriptions. Never the name of a medicine.

# It can be picked up.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: your prescription is ready for pickup.
prescription-ready = { $clinic }: your prescription is ready for pickup.

# The same without the word prescription.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
# Example: Lakeside Clinic: your order is ready for pickup.
prescription-ready-discreet = { $clinic }: your order is ready for pickup.

# Where.
# Variables:
#   $pharmacy (Text) - name or address, e.g. Main St Pharmacy
# Example: Place: Main St Pharmacy.
prescription-pharmacy = Place: { $pharmacy }.

# What to say there.
# Variables:
#   $reference (Text) - a number or code of the pharmacy, e.g. RX-20417
# Example: Reference: RX-20417.
prescription-reference = Reference: { $reference }.
