//! Calls to other people's servers: a clinic's own systems, and where its keys are published. Their
//! addresses are configured or posted, so each is held against the [`guard`]: a name is resolved once,
//! and the connection goes to exactly the addresses that were checked.

mod caller;
pub mod guard;
mod jwks;
mod jwt;
mod webhook;

pub use caller::{Answer, CallError, Caller};
pub use guard::{Guard, Refused};
pub use jwks::{JwksError, check_jwks};
pub use jwt::{Algorithm, SignedIn, TokenError, TokenKeys, TokenSettings, Tokens};
pub use webhook::{WebhookCall, WebhookSecret};
