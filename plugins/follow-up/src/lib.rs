//! A question or a word of care after a visit.
