### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: आपकी अपॉइंटमेंट और भुगतान के संदेश।

rates = संदेश और डेटा शुल्क लग सकता है।

reply-stopped = { $clinic }: अब आपको हमारे संदेश नहीं मिलेंगे।

reply-stopped-undo = फिर पाने के लिए START भेजें।

reply-started = { $clinic }: अब आपको हमारे संदेश फिर मिलेंगे।

reply-for-help = मदद के लिए HELP भेजें।

which-visit = { $clinic }: कौन सी अपॉइंटमेंट?
which-visit-first = 1: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-second = 2: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-third = 3: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-fourth = 4: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }।
which-visit-reply = उसका नंबर भेजें।
