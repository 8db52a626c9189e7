//! Codes that somebody else makes: a caller that posts one as a text, a clinic's policy that plans one for an event.
//! There is no challenge to hold them back, but the countries and the limits of `[otp]` are the same for them. Of what
//! is typed the host learns nothing, so that the pump breaker has no say.

use super::refusals::{Refused, reason_of, refusal};
use super::{Host, HostError, Origin, OtpError};
use crate::domain::message::Cause;
use crate::domain::phone::PhoneNumber;
use crate::service::Caller;
use crate::store::Tx;
use chrono::{DateTime, Utc};

impl Host {
    /// Counts a posted text of a type for codes.
    pub(in crate::service) async fn brake_posted(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        phone: &PhoneNumber,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        let origin = Origin::of(caller, None);
        self.check_country(phone, caller.test)?;
        if origin.unlimited && self.is_test_number(phone, caller.test) {
            return Ok(());
        }
        self.limit(tx, &origin, phone, None, now).await
    }

    /// Counts a text of a type for codes that a policy plans. Where a brake holds there will be none, and the answer
    /// says why; the refusal is kept in the same unit of work.
    ///
    /// # Errors
    ///
    /// The counters do not answer: the event stays to be planned.
    pub(in crate::service) async fn brake_planned(
        &self,
        tx: &mut Tx,
        phone: &PhoneNumber,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Cause>, HostError> {
        let origin = Origin { test, by_policy: true, ..Origin::default() };
        let counted = match self.check_country(phone, test) {
            Ok(()) => self.limit(tx, &origin, phone, None, now).await,
            closed => closed,
        };
        let error = match counted {
            Ok(()) => return Ok(None),
            Err(OtpError::NotCounted(error)) => return Err(error),
            Err(error) => error,
        };
        let Some(reason) = reason_of(&error) else { return Ok(None) };
        let refused = Refused { origin: &origin, phone: Some(phone), purpose: None };
        tx.count_refusal(&refusal(reason, false, &refused), test, now).await?;
        tracing::warn!(brake = reason, "a one-time code that a policy planned was refused");
        Ok(Some(Cause::new("code-refused", format!("{error}: {reason}"))))
    }

    /// Writes down that one was refused.
    pub(in crate::service) async fn keep_posted_refusal(
        &self,
        caller: &Caller,
        phone: &PhoneNumber,
        error: &OtpError,
        now: DateTime<Utc>,
    ) {
        let refused = Refused { origin: &Origin::of(caller, None), phone: Some(phone), purpose: None };
        self.keep_refusal(&refused, error, now).await;
    }
}
