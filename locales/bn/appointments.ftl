### No native speaker has reviewed this translation yet. Corrections are welcome.

appointment-reminder = { $clinic }: আপনার অ্যাপয়েন্টমেন্ট { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
appointment-reminder-discreet = { $clinic }: মনে করিয়ে দিচ্ছি, { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
appointment-reminder-named = { $clinic }: { $name }, আপনার অ্যাপয়েন্টমেন্ট { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।

appointment-confirmation = { $clinic }: আপনার অ্যাপয়েন্টমেন্ট ঠিক হয়েছে { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
appointment-confirmation-discreet = { $clinic }: আপনার বুকিং ঠিক হয়েছে { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।

appointment-canceled = { $clinic }: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }-এর অ্যাপয়েন্টমেন্ট বাতিল হয়েছে।
appointment-canceled-discreet = { $clinic }: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }-এর বুকিং বাতিল হয়েছে।

appointment-with = { $with }-এর সঙ্গে।

appointment-place = স্থান: { $location }।

follow-up = { $clinic }: আসার জন্য ধন্যবাদ।
follow-up-discreet = { $clinic }: ধন্যবাদ।

follow-up-link = কেমন লাগল জানান:
