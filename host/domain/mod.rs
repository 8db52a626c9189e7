//! What things are: plain values and rules. No I/O, no async, no SQL, no JSON of the API.

pub mod budget;
pub mod calendar;
pub mod consent;
pub mod event;
pub mod failure;
pub mod id;
pub mod keyword;
pub mod kind;
pub mod language;
pub mod link;
pub mod message;
pub mod otp;
pub mod pace;
pub mod phone;
pub mod policy;
pub mod question;
pub mod receipt;
pub mod recipient;
pub mod secret;
pub mod segments;
pub mod state;
pub mod value;
pub mod webhook;
pub mod window;
