### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = এই লিংকের মেয়াদ শেষ

link-unknown = এমন কোনো লিংক নেই

link-call = অনুগ্রহ করে { $clinic }-এ ফোন করুন: { $phone }।

link-contact = অনুগ্রহ করে { $clinic }-এর সঙ্গে যোগাযোগ করুন।
