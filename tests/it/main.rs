//! Promises of the whole host, tried by breaking them: real databases, real HTTP, real policies; only
//! Twilio is the sandbox.

#[path = "../support/mod.rs"]
mod support;

mod delivery;
mod events;
mod messages;
mod plugins;
mod problems;
mod recipients;
mod replies;
mod startup;
mod store;
mod webhooks;
