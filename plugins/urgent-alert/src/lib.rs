//! Alerts that do not wait for the morning.
