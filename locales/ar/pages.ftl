### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = انتهت صلاحية هذا الرابط

link-unknown = لا يوجد رابط كهذا

link-call = يرجى الاتصال بـ { $clinic }: { $phone }.

link-contact = يرجى التواصل مع { $clinic }.
