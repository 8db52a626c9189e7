//! Tidings, a self-hosted SMS host for clinics.
//!
//! The layers, from the outside in; each uses only those below it, and adapters never each other:
//!
//! ```text
//!             main
//!      cli  console  http          words, status codes, pages, exit codes
//!             service              what happens, in which order, in which transaction
//!  store  policy  render  twilio  outbound      adapters
//!         domain, clock, disk, watch, measure, crash  plain values and rules
//! ```

pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod disk;
pub mod domain;
pub mod http;
pub mod measure;
pub mod outbound;
pub mod policy;
pub mod render;
pub mod sandbox;
pub mod service;
pub mod store;
pub mod twilio;
pub mod watch;
