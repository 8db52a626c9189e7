//! Reminders before a visit.
