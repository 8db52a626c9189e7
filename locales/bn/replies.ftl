### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: আপনার অ্যাপয়েন্টমেন্ট ও বিলের বার্তা।

rates = বার্তা ও ডেটার খরচ লাগতে পারে।

reply-stopped = { $clinic }: আপনি আর আমাদের বার্তা পাবেন না।

reply-stopped-undo = আবার পেতে START লিখুন।

reply-started = { $clinic }: আপনি আবার আমাদের বার্তা পাবেন।

reply-for-help = সাহায্য পেতে HELP লিখুন।

which-visit = { $clinic }: আপনি কোন অ্যাপয়েন্টমেন্টের কথা বলছেন?
which-visit-first = 1: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-second = 2: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-third = 3: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-fourth = 4: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-reply = নম্বরটি লিখুন।
