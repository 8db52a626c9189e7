//! A confirmation when a visit is booked or moved.
