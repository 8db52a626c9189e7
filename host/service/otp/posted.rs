//! Codes that somebody else makes: a caller that posts one as a text, a clinic's policy that plans one for an event.
//! There is no challenge to hold them back, but the countries and the limits of `[otp]` are the same for them. Of what
//! is typed the host learns nothing, so that the pump breaker has no say.

use super::refusals::Refused;
use super::{Host, HostError, Origin, OtpError};
use crate::domain::event::Event;
use crate::domain::message::{Cause, Lane, Message};
use crate::domain::phone::PhoneNumber;
use crate::service::Caller;
use crate::service::planned::Outcome;
use crate::service::replan::{Wanted, passed};
use crate::store::Tx;
use chrono::{DateTime, Utc};

/// A planned code that is not sent.
pub(in crate::service) struct RefusedCode {
    phone: PhoneNumber,
    error: OtpError,
}

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

    /// Counts the texts of types for codes that policies want and that are not among `existing`, in the unit of work
    /// that plans them: a plan that comes to nothing has counted nothing. What a brake refuses is passed over, with its
    /// reason, and answered, to be written down once the plan stands.
    ///
    /// # Errors
    ///
    /// The counters do not answer: the event stays to be planned.
    pub(in crate::service) async fn brake_planned(
        &self,
        tx: &mut Tx,
        event: &Event,
        wanted: &mut Vec<Wanted>,
        existing: &[Message],
        outcome: &mut Outcome,
        now: DateTime<Utc>,
    ) -> Result<Vec<RefusedCode>, HostError> {
        let is_code = |want: &Wanted| self.kind(&want.kind).is_some_and(|kind| kind.lane == Lane::Otp);
        let (codes, others): (Vec<Wanted>, Vec<Wanted>) = wanted.drain(..).partition(is_code);
        *wanted = others;
        let (mut free, mut counted, mut refused) = (existing.to_vec(), Vec::new(), Vec::new());
        for want in codes {
            let known = want.known(&free).map(|known| known.id);
            free.retain(|message| Some(message.id) != known);
            let phone = want.recipient.phone.clone();
            match phone.filter(|_| known.is_none() && self.planned_message(event, &want, now).is_ok()) {
                Some(phone) => match self.check_country(&phone, event.test) {
                    Ok(()) => counted.push((want, phone)),
                    Err(error) => refused.push((want, phone, error)),
                },
                // There is one, or there can be none: nothing is counted.
                None => wanted.push(want),
            }
        }
        let phones: Vec<&PhoneNumber> = counted.iter().map(|(_, phone)| phone).collect();
        let held = self.limit_each(tx, &planned_by(event.test), &phones, now).await?;
        for ((want, phone), held) in counted.into_iter().zip(held) {
            match held {
                Some(error) => refused.push((want, phone, error)),
                None => wanted.push(want),
            }
        }
        let pass_over = |(want, phone, error): (Wanted, PhoneNumber, OtpError)| {
            outcome.passed_over.push(passed(&want, Cause::new("code-refused", error.to_string())));
            RefusedCode { phone, error }
        };
        Ok(refused.into_iter().map(pass_over).collect())
    }

    /// Writes down what was refused of a plan.
    pub(in crate::service) async fn keep_planned_refusals(
        &self,
        test: bool,
        refused: &[RefusedCode],
        now: DateTime<Utc>,
    ) {
        let origin = planned_by(test);
        for RefusedCode { phone, error } in refused {
            let refused = Refused { origin: &origin, phone: Some(phone), purpose: None };
            self.keep_refusal(&refused, error, now).await;
        }
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

/// Who asks for a code that a policy plans.
fn planned_by(test: bool) -> Origin {
    Origin { test, by_policy: true, ..Origin::default() }
}
