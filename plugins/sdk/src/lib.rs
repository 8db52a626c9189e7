//! Write a policy for Tidings in Rust.
//!
//! A policy is a pure function: the host asks, every fact is in the question, and the answer says
//! why. Implement [`Policy`], export it, and build the crate as a `cdylib`:
//!
//! ```
//! use tidings_policy::{DecideContext, Decision, Description, Error, Policy, export_policy, reason};
//!
//! struct Cheerful;
//!
//! impl Policy for Cheerful {
//!     type Settings = tidings_policy::NoSettings;
//!
//!     fn describe() -> Description {
//!         Description::new("cheerful", "1.0.0", "Sends while the sun is up").decides("greeting")
//!     }
//!
//!     fn decide(_: &Self::Settings, c: &DecideContext) -> Result<Decision, Error> {
//!         let hour = c.to.local.hour;
//!         Ok(if hour < 18 {
//!             Decision::Send(reason("ok", "The sun is up.").fact("hour", hour))
//!         } else {
//!             Decision::Suppress(reason("dark", "It is dark outside.").fact("hour", hour))
//!         })
//!     }
//! }
//!
//! export_policy!(Cheerful);
//! ```
//!
//! Most policies need no arithmetic of their own: [`rules`] holds what several share, such as quiet
//! hours and caps, and [`Retries`] says when a failed attempt is followed by another. The same crate
//! builds and tests natively: `testing` has a builder whose tables of cases read as sentences.

pub mod bindings;
pub mod calendar;
mod clock;
mod component;
mod describe;
mod facts;
pub mod log;
mod open_hours;
mod plan;
mod policy;
mod reason;
mod replies;
mod retries;
pub mod rules;
mod schema;
mod span;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use bindings::tidings::policy::types::{
    Answer, Clinic, CustomAction, DecideContext, Decision, Deferral, Description, Discretion, Event, Fact,
    FailedAttempt, FailureClass, Inbound, LocalTime, Message, MessagePlan, PassedOver, PastMessage,
    PlannedMessage, Priority, Reason, Recipient, ReplyAction, Request, RetryDecision, Role, UnixMs, Value,
    Window,
};
pub use clock::{Daytime, TimeOfDay};
pub use component::Component;
pub use facts::Facts;
pub use open_hours::OpenHours;
pub use plan::lacks_moment;
pub use policy::{Error, NoSettings, Policy};
pub use reason::reason;
pub use replies::{REPLY_WISH, ReplyWords, Wish};
pub use retries::{Backoff, Retries};
pub use schema::Schema;
pub use span::Span;

/// The memory of an instance, which lives for one question and gives nothing back before its end. It begins behind
/// the stack and the data, in the page that they leave half empty: most questions need no other one, and
/// the host has to set no more back after each.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: mini_alloc::MiniAlloc = mini_alloc::MiniAlloc::INIT;

/// Makes the crate a plugin: `export_policy!(MyPolicy);`
///
/// Outside WebAssembly it does nothing, so that the crate also builds and tests natively.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::Component<$policy>;
    $crate::bindings::export_component!(Exported with_types_in $crate::bindings);
        };
    };
}
