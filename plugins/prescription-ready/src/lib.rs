//! A notice that a prescription can be fetched.
