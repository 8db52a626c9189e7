//! Promises of the whole host, tried by breaking them: real databases, real HTTP, real policies; only
//! Twilio is the sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/guest/mod.rs"]
mod guest;

mod api;
mod audit;
mod authoring;
mod backtest;
mod batch;
mod broken_files;
mod caps;
mod clocks;
mod clocks_alone;
mod clocks_doubted;
mod clocks_posted;
mod consents;
mod contract;
mod delivery;
mod doctor;
mod door;
mod drop_in;
mod erasure;
mod events;
mod events_at_once;
mod events_waiting;
mod guests;
mod hanging;
mod hiccups;
mod hostile;
mod import;
mod keys;
mod links;
mod many_hosts;
mod messages;
mod observability;
mod otp;
mod otp_alike;
mod otp_between;
mod otp_brakes;
mod otp_once;
mod otp_planned;
mod otp_process;
mod otp_pump;
mod otp_secret;
mod otp_settings;
mod otp_verify;
mod our_webhooks;
mod plugins;
mod privacy;
mod problems;
mod readiness;
mod receipts;
mod recipients;
mod recover;
mod recover_command;
mod replies;
mod reply_in_doubt;
mod reply_policies;
mod senders;
mod shadows;
mod sign_in;
mod simulation;
mod startup;
mod stop_words;
mod store;
mod tools;
mod translating;
mod unsound;
mod usage;
mod usage_folded;
mod versions;
mod watched;
mod webhooks;
mod words;
