//! Tidings, a self-hosted SMS host for clinics.
//!
//! The layers, from the outside in; each uses only those below it, and adapters never each other:
//!
//! ```text
//!             main
//!      cli  console  http          words, status codes, pages, exit codes
//!             service              what happens, in which order, in which transaction
//!  store  policy  render  twilio  outbound      adapters
//!         domain, clock            plain values and rules
//! ```

pub mod clock;
pub mod domain;
