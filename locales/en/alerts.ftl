### No native speaker has reviewed these texts yet. Corrections are welcome.
### Alerts that cannot wait.

# The clinic's own words, which the host does not translate.
# Variables:
#   $clinic (Text) - the clinic's name, e.g. Lakeside Clinic
#   $text (Text) - up to 300 characters, with their own full stop, e.g. The clinic is closed today.
# Example: Urgent message from Lakeside Clinic: The clinic is closed today.
urgent-alert = Urgent message from { $clinic }: { $text }
