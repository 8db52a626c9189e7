//! Twilio: one call in, one of five answers out.
//!
//! What it promises:
//!
//! - [`Provider::send`] never retries and never fails: it says what is *known* of the text. Only
//!   [`SendOutcome::Unknown`] leaves a doubt, and it covers every case in which Twilio may have
//!   the text: time-outs after the request was written, resets, 5xx, an answer that cannot be read.
//! - An error of the account (credentials, suspension) is never the fault of one text: it is
//!   [`SendOutcome::NotNow`] with `account_wide` set and no `retry_after`, so the text stays
//!   planned while somebody acts.
//! - [`Provider::list`] is complete or an error. It is asked whether a text was sent, and half an
//!   answer would be a wrong "no".
//! - No phone number and no text leaves through an error: what Twilio writes is cleaned first.
//! - A webhook is believed after its signature was checked over every parameter it carries, and
//!   after the tag of its address was checked against our own key.
//!
//! ```text
//! client ── wire ── errors (+ errors.toml)     what we ask, what we are answered
//! lists                                        texts, page after page
//! verify                                       codes that Twilio makes and checks
//! webhook ── signature, callback               what Twilio tells, and why we believe it
//! ```

mod account;
pub mod callback;
mod client;
pub mod errors;
mod lists;
mod settings;
pub mod signature;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod webhook;
mod wire;

pub use account::{Account, Balance};
pub use client::TwilioClient;
pub use settings::{SettingsError, TwilioSettings, rate};
pub use wire::millionths;

/// What Twilio puts before every text of a trial account; it is billed too.
pub const TRIAL_PREFIX: &str = "Sent from your Twilio trial account - ";

use crate::domain::failure::{ListedText, ProviderError, SendOutcome};
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use chrono::{DateTime, NaiveDate, Utc};
use std::pin::Pin;
use std::time::Duration;

/// The answer of a [`Provider`], on its way.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whoever carries our texts. The one trait of the product, because Twilio, the sandbox and a dry
/// run differ.
pub trait Provider: verify::Verify {
    /// Hands one text over, once.
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome>;

    /// One text as the provider has it now; `None` when it has none of this identifier. That is no
    /// proof that a text was never sent: ask [`Provider::list`].
    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>>;

    /// All texts to a number that the provider took at `since` or later, in no particular order.
    fn list<'a>(
        &'a self,
        to: &'a PhoneNumber,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>>;

    /// One page of all texts to a number: the first, or the one that the page before it has named. For a list that is
    /// read over several calls; where there are no pages, it is the whole.
    fn list_page<'a>(
        &'a self,
        to: &'a PhoneNumber,
        _from: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ListPage, LookUpError>> {
        Box::pin(
            async move { Ok(ListPage { texts: self.list(to, DateTime::UNIX_EPOCH).await?, next: None }) },
        )
    }

    /// What its clock says, to the second; `None` when it does not answer, which leaves ours in doubt.
    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>>;

    /// What it lists as sent on a day of its calendar (UTC), in pages; nothing where it has no such list. For
    /// asking about many at once.
    fn list_day(&self, _day: NaiveDate) -> BoxFuture<'_, Result<Vec<ListedText>, LookUpError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Takes the words out of a text at the provider. A text it no longer has counts as done.
    fn redact<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), LookUpError>>;
}

/// One text, ready to go.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Who gets it.
    pub to: PhoneNumber,
    /// Who it is from.
    pub from: Sender,
    /// The text itself.
    pub body: Secret,
    /// Where the provider tells how it went, see [`callback`]. Sent as it is.
    pub status_callback: Option<String>,
    /// How long it may wait in the provider's queue; brought into the provider's limits.
    pub validity: Option<Duration>,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// What is on it, in no particular order.
    pub texts: Vec<ListedText>,
    /// Names the page after it; `None` at the end.
    pub next: Option<String>,
}

/// So many pages are followed: more to one number is not looked through.
pub const MOST_PAGES: usize = 50;

/// Who a text is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A number or name of the account.
    Number(String),
    /// A Messaging Service, which picks the number.
    Service(String),
}

impl Sender {
    /// The number, or the service's identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(name) | Self::Service(name) => name,
        }
    }
}

/// Why the provider could not be asked about a text.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// It would not be such an identifier at Twilio, or there is none.
    #[error("this is not such a SID")]
    NotASid,
    /// There was no answer, or not a whole one.
    #[error("Twilio did not answer")]
    NoAnswer(#[source] reqwest::Error),
    /// Twilio answered with an error.
    #[error("Twilio answered {}: {}", .0.http_status.unwrap_or_default(), .0.text)]
    Refused(ProviderError),
    /// It was not what Twilio documents. Without a source: the reader's error would quote the text.
    #[error("Twilio's answer cannot be read")]
    Unreadable,
    /// The list has no end, or leads away from Twilio.
    #[error("Twilio's list of texts cannot be followed to its end")]
    Paging,
}

impl LookUpError {
    /// Twilio has not finished with the text: the same may be asked again later.
    #[must_use]
    pub fn is_too_early(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code == Some(20009))
    }
}
