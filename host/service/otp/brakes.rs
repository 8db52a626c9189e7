//! Brakes: who asks for too many codes waits. All counters are raised in the unit of work that opens the
//! challenge; a refusal rolls it back, so that one brake does not use up another.

use super::{Host, HostError, Origin, OtpError, PumpBreaker};
use crate::domain::otp::pump::{self, Traffic};
use crate::domain::otp::rate::Rate;
use crate::domain::otp::{Maker, Purpose};
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
    /// The counter of the network that the person asks from. A resend goes to that of its challenge: whoever
    /// asks for it says no address, and the texts of one challenge are held against one network.
    pub(super) network: Option<Vec<u8>>,
}

impl Asked<'_> {
    fn refused(&self) -> Refused<'_> {
        Refused { origin: self.origin, about: Some((self.phone, self.purpose)) }
    }
}

/// Whom a code was refused, and for what; nothing of that is known of a challenge that could not be read.
pub(super) struct Refused<'a> {
    pub(super) origin: &'a Origin,
    pub(super) about: Option<(&'a PhoneNumber, &'a Purpose)>,
}

/// What a brake counts: its name in the settings, whom, and how many.
struct Brake<'a> {
    name: &'static str,
    subject: Option<Vec<u8>>,
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
        let test = asked.origin.test;
        if asked.origin.unlimited && self.is_test_number(asked.phone, test) {
            return Ok(());
        }
        let brakes = &self.settings.otp.brakes;
        let country = country(asked.phone);
        let e164 = asked.phone.e164();
        let prefix = e164.get(..e164.len().saturating_sub(PREFIX)).unwrap_or(e164);
        let key = asked.origin.key.map_or_else(|| "public".to_owned(), |key| key.to_string());
        let by_country = brakes.countries.get(country).unwrap_or(&brakes.country);
        let of = |subject: &str| Some(self.counter(test, subject));
        let brake = |name, subject, rates| Brake { name, subject, rates };
        for brake in [
            brake("otp.limits.phone", of(e164), &brakes.phone),
            brake("otp.limits.prefix", of(prefix), &brakes.prefix),
            brake("otp.limits.address", asked.network.clone(), &brakes.address),
            brake("otp.limits.key", of(&key), &brakes.key),
            brake("otp.limits.country", of(country), by_country),
            brake("otp.limits.everyone", of(""), &brakes.everyone),
        ] {
            count(tx, brake, now).await?;
        }
        self.hold_against_the_typed(tx, asked, now).await
    }

    /// The counter of the network that a request comes from.
    pub(super) fn network_of(&self, origin: &Origin) -> Option<Vec<u8>> {
        origin.address.map(|address| self.counter(origin.test, &network(address)))
    }

    /// Counts a try that was made without an API key.
    pub(super) async fn brake_checks(&self, origin: &Origin, now: DateTime<Utc>) -> Result<(), OtpError> {
        let rates = &self.settings.otp.brakes.checks;
        let subject = self.network_of(origin).filter(|_| !rates.is_empty());
        if subject.is_none() {
            return Ok(());
        }
        let mut tx = self.store.begin().await.map_err(not_counted)?;
        count(&mut tx, Brake { name: "otp.limits.checks", subject, rates }, now).await?;
        tx.commit().await.map_err(not_counted)
    }

    /// The pump breaker: codes asked for are held against codes typed. Numbers for tests are sent nothing, and
    /// nobody earns from them.
    async fn hold_against_the_typed(
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
            let traffic = tx.traffic(*scope, subject, now).await.map_err(not_counted)?;
            if !is_suspicious(&traffic) {
                continue;
            }
            if breaker == PumpBreaker::Deny {
                let hours = tx.traffic_hours(*scope, subject, now).await.map_err(not_counted)?;
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

/// Numbers of no country, such as those for tests.
const NOWHERE: &str = "none";

pub(super) fn country(phone: &PhoneNumber) -> &str {
    phone.country().unwrap_or(NOWHERE)
}

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

async fn count(tx: &mut Tx, brake: Brake<'_>, now: DateTime<Utc>) -> Result<(), OtpError> {
    let Brake { name, subject: Some(subject), rates } = brake else { return Ok(()) };
    for rate in rates {
        let name_of_rate = format!("{name} {}", rate.window.num_seconds());
        let counted = Counted { name: name_of_rate, subject: subject.clone(), rate: *rate };
        if !tx.count_within(&counted, now).await.map_err(not_counted)? {
            let retry_after = tx.wait_for(&counted, now).await.map_err(not_counted)?;
            return Err(OtpError::Limited { brake: name, retry_after });
        }
    }
    Ok(())
}

/// The counters do not answer.
fn not_counted(error: StoreError) -> OtpError {
    OtpError::NotCounted(error.into())
}

fn refusal(reason: &str, noted: bool, refused: &Refused<'_>) -> Refusal {
    Refusal {
        reason: reason.to_owned(),
        noted,
        country: refused.about.map_or(NOWHERE, |(phone, _)| country(phone)).to_owned(),
        purpose: refused.about.map(|(_, purpose)| purpose.to_string()).unwrap_or_default(),
        api_key: refused.origin.key.map(|key| key.to_string()).unwrap_or_default(),
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
