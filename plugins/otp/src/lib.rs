//! One-time codes: at once or not at all.
