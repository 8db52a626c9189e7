### No native speaker has reviewed this translation yet. Corrections are welcome.
### "आप" के साथ, आसान और छोटे शब्दों में।

optout = बंद करने के लिए STOP भेजें।
optout-short = बंद करें: STOP।

reply-confirm-or-change = पक्का करने के लिए C, समय बदलने के लिए R भेजें।
reply-confirm-or-change-short = C: पक्का करें, R: समय बदलें।

reply-change = समय बदलने के लिए R भेजें।
reply-change-short = R: समय बदलें।

call-to-rebook = नए समय के लिए फ़ोन करें: { $phone }।

call-with-questions = सवाल हैं? फ़ोन करें: { $phone }।

call-for-help = मदद के लिए फ़ोन करें: { $phone }।
