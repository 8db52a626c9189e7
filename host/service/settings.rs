//! What the host is told at its start.

use super::{Budget, LinkSettings, OtpSettings, Patience, Retention, SenderRoute, WebhookSettings};
use crate::crash::Crash;
use crate::domain::keyword::OptOutAnswers;
use crate::domain::window::DailyWindow;
use crate::outbound::TokenSettings;
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// What a clinic says of itself.
#[derive(Clone, Debug)]
pub struct Clinic {
    /// As patients know it; it opens every text.
    pub name: String,
    /// Where patients call.
    pub phone: Option<String>,
    /// For people whose language is not known.
    pub language: String,
    /// For people whose zone is not known.
    pub time_zone: Tz,
    /// ISO 3166 alpha-2: how national numbers are read, and how dates look.
    pub region: Option<String>,
}

/// The host's own rules; no policy is looser.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Nobody is disturbed in these hours when a policy does not answer.
    pub quiet_hours: DailyWindow,
    /// Whether messages of high priority may be sent in quiet hours.
    pub high_priority_may_disturb: bool,
    /// Types that may be sent in quiet hours in any case.
    pub may_disturb_types: BTreeSet<String>,
    /// Countries (ISO 3166 alpha-2) that texts may go to; empty: all.
    pub countries: BTreeSet<String>,
}

/// How many messages of each lane are on their way at once.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the lanes")]
pub struct Permits {
    pub otp: usize,
    pub urgent: usize,
    pub normal: usize,
    pub bulk: usize,
}

/// What the host is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The clinic.
    pub clinic: Clinic,
    /// The host's own rules.
    pub guard: Guard,
    /// Numbers and services texts are sent from; the first that serves a text is taken.
    pub senders: Vec<SenderRoute>,
    /// Where the world reaches us; callbacks need it.
    pub public_url: Option<String>,
    /// Where the sandbox reaches us when texts of live keys go elsewhere; `None`: at `public_url`.
    pub test_url: Option<String>,
    /// Requests that one key may make in a minute.
    pub requests_per_minute: u32,
    /// Estimate, in millionths of the currency.
    pub price_per_segment_micros: i64,
    /// ISO 4217.
    pub currency: String,
    /// Who answers STOP and START.
    pub opt_out_answers: OptOutAnswers,
    /// Whether CANCEL stops all texts, or cancels a visit.
    pub cancel_is_opt_out: bool,
    /// How many at once.
    pub permits: Permits,
    /// A host looks for due messages at least this often, whatever wakes it in between.
    pub poll: std::time::Duration,
    /// How long what is kept.
    pub retention: Retention,
    /// One-time codes.
    pub otp: OtpSettings,
    /// How the clinic's own systems are told.
    pub webhooks: WebhookSettings,
    /// Short links.
    pub links: LinkSettings,
    /// How much may be spent.
    pub budget: Budget,
    /// Who signs patients and doctors in; `None`: nobody does.
    pub sign_in: Option<TokenSettings>,
    /// How long it waits for what.
    pub patience: Patience,
    /// What happens at crash points: nothing, but in tests.
    pub crash: Crash,
}
