//! Word that a visit is off.
