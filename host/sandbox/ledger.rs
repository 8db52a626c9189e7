//! What the sandbox remembers: every text, what is to go wrong, who said stop.

use super::fault::Faults;
use super::verify::Verification;
use crate::domain::phone::mask;
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::fmt;

/// Which way a text went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Created by a call.
    Outbound,
    /// Typed on a phone.
    Inbound,
    /// Written by Twilio itself, as the answer to STOP.
    AutoReply,
}

/// One text. `Debug` shows neither its words nor its number.
#[derive(Clone, PartialEq, Eq)]
pub struct SandboxText {
    /// `SM` and 32 hex digits.
    pub sid: String,
    /// Which way it went.
    pub direction: Direction,
    /// Who it is from; nobody yet, while a Messaging Service has not picked a sender.
    pub from: Option<String>,
    /// Who it is to.
    pub to: String,
    /// The Messaging Service it was sent by.
    pub service: Option<String>,
    /// The words as they were accepted; a redaction does not change them here.
    pub body: String,
    /// Twilio's word for where it stands.
    pub status: &'static str,
    /// Why it failed.
    pub error_code: Option<u32>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// What is billed.
    pub segments: u32,
    /// The address for callbacks, as it was given.
    pub status_callback: Option<String>,
    /// How long it may wait, in seconds, as it was given.
    pub validity: Option<u32>,
    /// Its words were taken out.
    pub redacted: bool,
    /// It was deleted.
    pub deleted: bool,
    /// The callbacks that were made.
    pub callbacks: Vec<ToldCallback>,
}

/// One callback and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldCallback {
    /// The status it told.
    pub status: &'static str,
    /// The HTTP status of the last answer, if there was one.
    pub answer: Option<u16>,
    /// How often it was tried.
    pub tries: u32,
}

impl fmt::Debug for SandboxText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} to {}", self.sid, self.status, mask(&self.to))
    }
}

impl SandboxText {
    /// Whether nothing more will become of it.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.status, "delivered" | "undelivered" | "failed" | "canceled" | "received")
    }

    /// Whether it waits to be sent.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.status, "accepted" | "scheduled" | "queued")
    }

    /// The phone's side of it.
    pub(super) fn phone(&self) -> &str {
        match self.direction {
            Direction::Inbound => self.from.as_deref().unwrap_or_default(),
            Direction::Outbound | Direction::AutoReply => &self.to,
        }
    }
}

/// All of it, behind one lock.
pub(super) struct Ledger {
    /// In the order of acceptance.
    pub(super) texts: Vec<SandboxText>,
    pub(super) faults: Faults,
    /// Phones that replied STOP.
    pub(super) blocked: HashSet<String>,
    pub(super) inbound_url: Option<String>,
    /// What Verify waits for, and what it has waited for.
    pub(super) verifications: Vec<Verification>,
    /// Calls to create a text, whatever came of them.
    pub(super) calls: u64,
}

impl Ledger {
    pub(super) fn new(inbound_url: Option<String>) -> Self {
        Self {
            texts: Vec::new(),
            faults: Faults::default(),
            blocked: HashSet::new(),
            inbound_url,
            verifications: Vec::new(),
            calls: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.inbound_url.take());
    }

    pub(super) fn accepted(&self) -> impl Iterator<Item = &SandboxText> {
        self.texts.iter().filter(|text| text.direction == Direction::Outbound)
    }

    /// A text that was not deleted.
    pub(super) fn text(&mut self, sid: &str) -> Option<&mut SandboxText> {
        // The ones that are asked for are mostly new.
        self.texts.iter_mut().rev().find(|text| text.sid == sid && !text.deleted)
    }
}
