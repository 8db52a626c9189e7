//! Codes that somebody else makes: a caller that posts one as a text, a clinic's policy that plans one for an event.
//! There is no challenge to hold them back, but the countries and the limits of `[otp]` are the same for them. Of what
//! is typed the host learns nothing, so that the pump breaker has no say.

use super::brakes::not_counted;
use super::refusals::Refused;
use super::{Host, HostError, Origin, OtpError};
use crate::domain::event::Event;
use crate::domain::message::{Cause, Lane};
use crate::domain::phone::PhoneNumber;
use crate::service::Caller;
use crate::service::plan::Outcome;
use crate::service::replan::{Wanted, passed};
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

    /// Counts the texts of types for codes that policies want and that are not there yet; what a brake refuses is
    /// passed over, with its reason. Each is counted in a unit of work of its own, as everywhere: a refusal uses up
    /// nothing, and nobody waits for two counters at once.
    ///
    /// # Errors
    ///
    /// The counters do not answer: the event stays to be planned.
    pub(in crate::service) async fn brake_planned(
        &self,
        event: &Event,
        mut wanted: Vec<Wanted>,
        outcome: &mut Outcome,
        now: DateTime<Utc>,
    ) -> Result<Vec<Wanted>, HostError> {
        let is_code = |want: &Wanted| self.kind(&want.kind).is_some_and(|kind| kind.lane == Lane::Otp);
        let (codes, others): (Vec<Wanted>, Vec<Wanted>) = wanted.drain(..).partition(is_code);
        wanted = others;
        if codes.is_empty() {
            return Ok(wanted);
        }
        let existing = self.store.read().await?.messages_of_subject(&event.subject, event.test).await?;
        for want in codes {
            let refused = match &want.recipient.phone {
                Some(phone) if want.known(&existing).is_none() => {
                    self.count_planned(phone, event.test, now).await?
                }
                Some(_) | None => None,
            };
            match refused {
                Some(cause) => outcome.passed_over.push(passed(&want, cause)),
                None => wanted.push(want),
            }
        }
        Ok(wanted)
    }

    async fn count_planned(
        &self,
        phone: &PhoneNumber,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Cause>, HostError> {
        let origin = Origin { test, by_policy: true, ..Origin::default() };
        let counted = async {
            self.check_country(phone, test)?;
            let mut tx = self.store.begin().await.map_err(not_counted)?;
            self.limit(&mut tx, &origin, phone, None, now).await?;
            tx.commit().await.map_err(not_counted)
        };
        let error = match counted.await {
            Ok(()) => return Ok(None),
            Err(OtpError::NotCounted(error)) => return Err(error),
            Err(error) => error,
        };
        let refused = Refused { origin: &origin, phone: Some(phone), purpose: None };
        self.keep_refusal(&refused, &error, now).await;
        Ok(Some(Cause::new("code-refused", error.to_string())))
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
