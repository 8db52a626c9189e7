//! Refusals: every code that is not given is written down with its reason, and names nobody.

use super::brakes::{NOWHERE, country};
use super::{Host, HostError, Origin, OtpError};
use crate::domain::otp::Purpose;
use crate::domain::phone::PhoneNumber;
use crate::store::{Refusal, RefusalCount};
use chrono::{DateTime, Utc};

/// Whom a code was refused, and for what. A code that is posted as a text has no purpose, and of a challenge that
/// could not be read nothing is known.
pub(super) struct Refused<'a> {
    pub(super) origin: &'a Origin,
    pub(super) phone: Option<&'a PhoneNumber>,
    pub(super) purpose: Option<&'a Purpose>,
}

impl Host {
    /// A refusal is kept with its reason, in a unit of work of its own: that of the challenge is gone.
    pub(super) async fn keep_refusal(&self, refused: &Refused<'_>, error: &OtpError, now: DateTime<Utc>) {
        let reason = match error {
            OtpError::Limited { brake, .. } => *brake,
            OtpError::CountryClosed => "otp.countries",
            OtpError::TooEarly { .. } => "otp.resend_after",
            OtpError::NotCounted(_) => "otp.limits",
            OtpError::Unavailable(_) => "otp.unavailable",
            OtpError::Fields(_) | OtpError::KeyReused | OtpError::Ended | OtpError::NotChecked(_) => return,
        };
        let test = refused.origin.test;
        let refusal = refusal(reason, false, refused);
        tracing::warn!(brake = reason, purpose = %refusal.purpose, "a one-time code was refused");
        let kept = async {
            let mut tx = self.store.begin().await?;
            tx.count_refusal(&refusal, test, now).await?;
            tx.commit().await
        };
        if let Err(error) = kept.await {
            tracing::error!(error = &error as &dyn std::error::Error, "a refusal could not be kept");
        }
    }

    /// A page of what was refused, or noted, and why: by the hour, the newest first.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn code_refusals(
        &self,
        test: bool,
        last: Option<(DateTime<Utc>, &Refusal)>,
        limit: u32,
    ) -> Result<Vec<RefusalCount>, HostError> {
        let mut tx = self.store.look().await?;
        Ok(tx.refusals(test, last, limit).await?)
    }
}

pub(super) fn refusal(reason: &str, noted: bool, refused: &Refused<'_>) -> Refusal {
    Refusal {
        reason: reason.to_owned(),
        noted,
        country: refused.phone.map_or(NOWHERE, country).to_owned(),
        purpose: refused.purpose.map(Purpose::to_string).unwrap_or_default(),
        api_key: refused.origin.key.map(|key| key.to_string()).unwrap_or_default(),
    }
}
