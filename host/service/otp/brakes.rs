//! Brakes: who asks for too many codes waits. All counters are raised in the unit of work that opens the
//! challenge; a refusal rolls it back, so that one brake does not use up another.

use super::{Host, HostError, Origin, OtpError, PumpBreaker};
use crate::domain::otp::rate::Rate;
use crate::domain::otp::{Purpose, pump};
use crate::domain::phone::PhoneNumber;
use crate::store::{Counted, Refusal, RefusalCount, StoreError, TrafficScope, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use std::net::IpAddr;

/// Digits by which the numbers of one prefix differ.
const PREFIX: usize = 3;

/// Whom a code is for, and who asks: what the brakes look at.
pub(super) struct Asked<'a> {
    pub(super) origin: &'a Origin,
    pub(super) phone: &'a PhoneNumber,
    pub(super) purpose: &'a Purpose,
}

/// What a brake counts: its name in the settings, whom, and how many.
struct Brake<'a> {
    name: &'static str,
    subject: Option<String>,
    rates: &'a [Rate],
}

impl Host {
    /// Counts a text on every brake.
    ///
    /// The brakes come in one order always, so that two requests never wait for each other's counters.
    pub(super) async fn brake(
        &self,
        tx: &mut Tx,
        asked: &Asked<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        if asked.origin.unlimited && self.is_test_number(asked.phone, asked.origin.test) {
            return Ok(());
        }
        let brakes = &self.settings.otp.brakes;
        let country = country(asked.phone);
        let e164 = asked.phone.e164();
        let prefix = e164.get(..e164.len().saturating_sub(PREFIX)).unwrap_or(e164);
        let key = asked.origin.key.map_or_else(|| "public".to_owned(), |key| key.to_string());
        let by_country = brakes.countries.get(country).unwrap_or(&brakes.country);
        let brake = |name, subject, rates| Brake { name, subject, rates };
        for brake in [
            brake("otp.limits.phone", Some(e164.to_owned()), &brakes.phone),
            brake("otp.limits.prefix", Some(prefix.to_owned()), &brakes.prefix),
            brake("otp.limits.address", asked.origin.address.map(network), &brakes.address),
            brake("otp.limits.key", Some(key), &brakes.key),
            brake("otp.limits.country", Some(country.to_owned()), by_country),
            brake("otp.limits.everyone", Some(String::new()), &brakes.everyone),
        ] {
            self.count(tx, brake.name, brake.subject.as_deref(), brake.rates, asked.origin.test, now).await?;
        }
        self.hold_against_the_typed(tx, asked, now).await
    }

    /// Counts a try that was made without an API key.
    pub(super) async fn brake_checks(&self, origin: &Origin, now: DateTime<Utc>) -> Result<(), OtpError> {
        let rates = &self.settings.otp.brakes.checks;
        let Some(address) = origin.address.filter(|_| !rates.is_empty()).map(network) else { return Ok(()) };
        let mut tx = self.store.begin().await?;
        self.count(&mut tx, "otp.limits.checks", Some(&address), rates, origin.test, now).await?;
        Ok(tx.commit().await?)
    }

    async fn count(
        &self,
        tx: &mut Tx,
        name: &'static str,
        subject: Option<&str>,
        rates: &[Rate],
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        let Some(subject) = subject else { return Ok(()) };
        for rate in rates {
            let counted = Counted {
                name: format!("{name} {}", rate.window.num_seconds()),
                subject: self.counter(test, subject),
                rate: *rate,
            };
            if !tx.count_within(&counted, now).await? {
                let retry_after = tx.wait_for(&counted, now).await?;
                return Err(OtpError::Limited { brake: name, retry_after });
            }
        }
        Ok(())
    }

    /// The pump breaker: codes asked for are held against codes typed.
    async fn hold_against_the_typed(
        &self,
        tx: &mut Tx,
        asked: &Asked<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        let breaker = self.settings.otp.pump;
        if breaker == PumpBreaker::Off {
            return Ok(());
        }
        let test = asked.origin.test;
        let country = self.counter(test, country(asked.phone));
        let address = asked.origin.address.map(|address| self.counter(test, &network(address)));
        let mut suspicious = None;
        let traffic = tx.traffic(TrafficScope::Country, &country, now).await?;
        if pump::country_is_suspicious(&traffic) {
            suspicious = Some("otp.pump.country");
        }
        if let Some(address) = &address {
            let traffic = tx.traffic(TrafficScope::Address, address, now).await?;
            if pump::address_is_suspicious(&traffic) {
                suspicious = Some("otp.pump.address");
            }
        }
        if let Some(brake) = suspicious {
            if breaker == PumpBreaker::Deny {
                let hour = now.timestamp_millis().rem_euclid(3_600_000);
                return Err(OtpError::Limited {
                    brake,
                    retry_after: TimeDelta::milliseconds(3_600_000 - hour),
                });
            }
            tracing::warn!(
                brake,
                "codes are asked for that nobody types; they are sent, because otp.pump only records"
            );
            tx.count_refusal(&refusal(brake, true, asked), test, now).await?;
        }
        tx.add_traffic(TrafficScope::Country, &country, (1, 0), now).await?;
        if let Some(address) = &address {
            tx.add_traffic(TrafficScope::Address, address, (1, 0), now).await?;
        }
        Ok(())
    }

    /// A refusal is kept with its reason, in a unit of work of its own: that of the challenge is gone.
    pub(super) async fn keep_refusal(&self, asked: &Asked<'_>, error: &OtpError, now: DateTime<Utc>) {
        let reason = match error {
            OtpError::Limited { brake, .. } => *brake,
            OtpError::CountryClosed => "otp.countries",
            OtpError::TooEarly { .. } => "otp.resend_after",
            OtpError::Unavailable(_) => "otp.limits",
            OtpError::Fields(_) | OtpError::KeyReused | OtpError::Ended | OtpError::NotChecked(_) => return,
        };
        tracing::warn!(brake = reason, purpose = %asked.purpose, "a one-time code was refused");
        let kept = async {
            let mut tx = self.store.begin().await?;
            tx.count_refusal(&refusal(reason, false, asked), asked.origin.test, now).await?;
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

    /// Counters of live and of test keys have nothing to do with each other, and name nobody.
    pub(super) fn counter(&self, test: bool, subject: &str) -> Vec<u8> {
        let mode = if test { "test" } else { "live" };
        self.store.keys().hash("counter", &format!("{mode} {subject}"))
    }

    /// A right code speaks for its country and its address.
    pub(super) async fn count_typed(
        &self,
        tx: &mut Tx,
        challenge: &crate::domain::otp::Challenge,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.settings.otp.pump == PumpBreaker::Off {
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

/// Numbers of no country, such as those for tests.
const NOWHERE: &str = "none";

pub(super) fn country(phone: &PhoneNumber) -> &str {
    phone.country().unwrap_or(NOWHERE)
}

fn refusal(reason: &str, noted: bool, asked: &Asked<'_>) -> Refusal {
    Refusal {
        reason: reason.to_owned(),
        noted,
        country: country(asked.phone).to_owned(),
        purpose: asked.purpose.as_str().to_owned(),
        api_key: asked.origin.key.map(|key| key.to_string()).unwrap_or_default(),
    }
}

/// The network that an address belongs to: 256 neighbours, or what one subscriber is given.
pub(super) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_network() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), of("203.0.113.250"));
        assert_ne!(of("203.0.113.7"), of("203.0.114.7"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.8"), "an IPv4 address in IPv6 clothes");
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::4"));
        assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
    }
}
