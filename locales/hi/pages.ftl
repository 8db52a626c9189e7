### No native speaker has reviewed this translation yet. Corrections are welcome.

link-over = इस लिंक की अवधि समाप्त हो गई है

link-unknown = ऐसा कोई लिंक नहीं है

link-call = कृपया { $clinic } को फ़ोन करें: { $phone }।

link-contact = कृपया { $clinic } से संपर्क करें।
