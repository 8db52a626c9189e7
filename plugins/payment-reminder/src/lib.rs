//! Reminders of an open payment.
