### No native speaker has reviewed this translation yet. Corrections are welcome.

prescription-ready = { $clinic }: আপনার প্রেসক্রিপশন নেওয়ার জন্য প্রস্তুত।
prescription-ready-discreet = { $clinic }: আপনার অর্ডার নেওয়ার জন্য প্রস্তুত।

prescription-pharmacy = স্থান: { $pharmacy }।

prescription-reference = রেফারেন্স: { $reference }।
