//! Codes that a caller makes itself and posts as a text: there is no challenge to hold them back, but the countries
//! and the limits of `[otp]` are the same for them. Of what is typed the host learns nothing, so that the pump
//! breaker has no say.

use super::refusals::Refused;
use super::{Host, Origin, OtpError};
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
