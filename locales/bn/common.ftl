### No native speaker has reviewed this translation yet. Corrections are welcome.
### "আপনি" করে, সহজ ও ছোট কথায়।

optout = বন্ধ করতে STOP লিখুন।
optout-short = বন্ধ: STOP।

reply-confirm-or-change = নিশ্চিত করতে C, সময় বদলাতে R লিখুন।
reply-confirm-or-change-short = C: নিশ্চিত, R: সময় বদল।

reply-change = সময় বদলাতে R লিখুন।
reply-change-short = R: সময় বদল।

call-to-rebook = নতুন সময়ের জন্য ফোন করুন: { $phone }।

call-with-questions = প্রশ্ন আছে? ফোন করুন: { $phone }।

call-for-help = সাহায্যের জন্য ফোন করুন: { $phone }।
