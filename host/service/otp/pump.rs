//! The pump breaker: codes that are asked for are held against codes that are typed.

use super::brakes::{Asked, NOWHERE, country, not_counted};
use super::refusals::refusal;
use super::{Host, OtpError, PumpBreaker};
use crate::domain::otp::pump::{self, Traffic};
use crate::domain::otp::{Challenge, Maker};
use crate::store::{StoreError, TrafficScope, Tx};
use chrono::{DateTime, TimeDelta, Utc};

/// Whose codes are held against each other, and by which rule.
struct Held<'a> {
    brake: &'static str,
    scope: TrafficScope,
    subject: &'a [u8],
    is_suspicious: fn(&Traffic) -> bool,
}

impl Held<'static> {
    const BY_COUNTRY: Self = Self {
        brake: "otp.pump.country",
        scope: TrafficScope::Country,
        subject: &[],
        is_suspicious: pump::country_is_suspicious,
    };
    const BY_ADDRESS: Self = Self {
        brake: "otp.pump.address",
        scope: TrafficScope::Address,
        subject: &[],
        is_suspicious: pump::address_is_suspicious,
    };
}

impl Held<'_> {
    const fn of(self, subject: &[u8]) -> Held<'_> {
        Held { brake: self.brake, scope: self.scope, subject, is_suspicious: self.is_suspicious }
    }
}

impl Host {
    /// The pump breaker: codes asked for are held against codes typed. Numbers for tests are sent nothing, and
    /// nobody earns from them.
    pub(super) async fn hold_against_the_typed(
        &self,
        tx: &mut Tx,
        asked: &Asked<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        let breaker = self.settings.otp.pump;
        let test = asked.origin.test;
        if breaker == PumpBreaker::Off || self.is_test_number(asked.phone, test) {
            return Ok(());
        }
        let country = self.counter(test, country(asked.phone));
        let mut held = vec![Held::BY_COUNTRY.of(&country)];
        held.extend(asked.network.as_deref().map(|network| Held::BY_ADDRESS.of(network)));
        let mut longest: Option<(&'static str, TimeDelta)> = None;
        for Held { brake, scope, subject, is_suspicious } in &held {
            let hours = tx.traffic_hours(*scope, subject, now).await.map_err(not_counted)?;
            if !is_suspicious(&Traffic::at(pump::hour(now), &hours)) {
                continue;
            }
            if breaker == PumpBreaker::Deny {
                let wait = pump::wait(&hours, now, is_suspicious);
                longest = longest.filter(|(_, known)| *known >= wait).or(Some((brake, wait)));
                continue;
            }
            tracing::warn!(
                brake,
                "codes are asked for that nobody types; they are sent, because otp.pump only records"
            );
            let noted = refusal(brake, true, &asked.refused());
            tx.count_refusal(&noted, test, now).await.map_err(not_counted)?;
        }
        if let Some((brake, retry_after)) = longest {
            return Err(OtpError::Limited { brake, retry_after });
        }
        for Held { scope, subject, .. } in held {
            tx.add_traffic(scope, subject, (1, 0), now).await.map_err(not_counted)?;
        }
        Ok(())
    }

    /// A right code speaks for its country and its address.
    pub(super) async fn count_typed(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.settings.otp.pump == PumpBreaker::Off || challenge.maker == Maker::Settings {
            return Ok(());
        }
        let country = self.counter(challenge.test, challenge.country.as_deref().unwrap_or(NOWHERE));
        // Every text of the challenge has served.
        let typed = (0, i64::from(challenge.sends));
        tx.add_traffic(TrafficScope::Country, &country, typed, now).await?;
        if let Some(address) = &challenge.from_hash {
            tx.add_traffic(TrafficScope::Address, address, typed, now).await?;
        }
        Ok(())
    }
}
