//! Brakes: who asks for too many codes waits. All counters are raised in the unit of work that opens the
//! challenge; a refusal rolls it back, so that one brake does not use up another.

use super::refusals::Refused;
use super::{Host, HostError, Origin, OtpError};
use crate::domain::otp::Purpose;
use crate::domain::otp::rate::Rate;
use crate::domain::phone::PhoneNumber;
use crate::store::{Counted, StoreError, Tx};
use chrono::{DateTime, Utc};
use std::net::IpAddr;

/// How many of them hold a text.
const BRAKES: usize = 6;

/// Digits by which the numbers of one prefix differ.
const PREFIX: usize = 3;

/// Whom a code is for, and who asks: what the brakes look at.
pub(super) struct Asked<'a> {
    pub(super) origin: &'a Origin,
    pub(super) phone: &'a PhoneNumber,
    pub(super) purpose: &'a Purpose,
    /// The counter of the network that the person asks from. A resend goes to that of its challenge: the texts
    /// of one challenge are held against one network, whoever asks for them again.
    pub(super) network: Option<Vec<u8>>,
}

impl Asked<'_> {
    pub(super) fn refused(&self) -> Refused<'_> {
        Refused { origin: self.origin, phone: Some(self.phone), purpose: Some(self.purpose) }
    }
}

/// What a brake counts: its name in the settings, whom, and how many.
struct Brake<'a> {
    name: &'static str,
    subject: Option<Vec<u8>>,
    rates: &'a [Rate],
}

impl Brake<'_> {
    /// Its counters, in their order; none where nobody is counted.
    fn counted(&self) -> impl Iterator<Item = Counted> {
        let counter = |rate: &Rate| {
            let name = format!("{} {}", self.name, rate.window.num_seconds());
            Some(Counted { name, subject: self.subject.clone()?, rate: *rate })
        };
        self.rates.iter().filter_map(counter)
    }
}

impl Host {
    /// Counts a text on every brake.
    pub(super) async fn brake(
        &self,
        tx: &mut Tx,
        asked: &Asked<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        if asked.origin.unlimited && self.is_test_number(asked.phone, asked.origin.test) {
            return Ok(());
        }
        self.limit(tx, asked.origin, asked.phone, asked.network.clone(), now).await?;
        self.hold_against_the_typed(tx, asked, now).await
    }

    /// Counts a text on all of `otp.limits`.
    ///
    /// They come in one order always, so that two requests never wait for each other's counters.
    pub(super) async fn limit(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        phone: &PhoneNumber,
        network: Option<Vec<u8>>,
        now: DateTime<Utc>,
    ) -> Result<(), OtpError> {
        for brake in self.brakes_of(origin, phone, network) {
            for counted in brake.counted() {
                count(tx, brake.name, &counted, now).await?;
            }
        }
        Ok(())
    }

    /// Counts many texts in one unit of work, counter by counter in the order of all, and answers for each the brake
    /// that holds it, if one does. Such a text uses up nothing in the end; another that it held up meanwhile is not
    /// counted anew for that.
    ///
    /// # Errors
    ///
    /// The counters do not answer.
    pub(super) async fn limit_each(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        phones: &[&PhoneNumber],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<OtpError>>, HostError> {
        let texts: Vec<[Brake<'_>; BRAKES]> =
            phones.iter().map(|phone| self.brakes_of(origin, phone, None)).collect();
        let mut held: Vec<Option<OtpError>> = texts.iter().map(|_| None).collect();
        let mut used: Vec<Vec<Counted>> = vec![Vec::new(); texts.len()];
        for place in 0..BRAKES {
            let mut in_order: Vec<(usize, &Brake<'_>)> =
                texts.iter().map(|brakes| &brakes[place]).enumerate().collect();
            in_order.sort_by(|(_, one), (_, other)| one.subject.cmp(&other.subject));
            in_order.retain(|(text, _)| held[*text].is_none());
            for (text, brake) in in_order {
                for counted in brake.counted() {
                    match count(tx, brake.name, &counted, now).await {
                        Ok(()) => used[text].push(counted),
                        Err(OtpError::NotCounted(error)) => return Err(error),
                        Err(limited) => {
                            held[text] = Some(limited);
                            break;
                        }
                    }
                }
                if held[text].is_some() {
                    for counted in used[text].drain(..) {
                        tx.take_back(&counted, now).await?;
                    }
                }
            }
        }
        Ok(held)
    }

    /// All of `otp.limits`, for one text.
    fn brakes_of(
        &self,
        origin: &Origin,
        phone: &PhoneNumber,
        network: Option<Vec<u8>>,
    ) -> [Brake<'_>; BRAKES] {
        let brakes = &self.settings.otp.brakes;
        let country = country(phone);
        let e164 = phone.e164();
        let prefix = e164.get(..e164.len().saturating_sub(PREFIX)).unwrap_or(e164);
        // What the public asks for must not use up what policies may plan.
        let keyless = if origin.by_policy { "policies" } else { "public" };
        let key = origin.key.map_or_else(|| keyless.to_owned(), |key| key.to_string());
        let by_country = brakes.countries.get(country).unwrap_or(&brakes.country);
        let of = |subject: &str| Some(self.counter(origin.test, subject));
        let brake = |name, subject, rates| Brake { name, subject, rates };
        [
            brake("otp.limits.phone", of(e164), &brakes.phone),
            brake("otp.limits.prefix", of(prefix), &brakes.prefix),
            brake("otp.limits.address", network, &brakes.address),
            brake("otp.limits.key", of(&key), &brakes.key),
            brake("otp.limits.country", of(country), by_country),
            brake("otp.limits.everyone", of(""), &brakes.everyone),
        ]
    }

    /// Whether codes may go to the country of this number.
    pub(super) fn check_country(&self, phone: &PhoneNumber, test: bool) -> Result<(), OtpError> {
        let is_open = self.settings.otp.countries.contains(country(phone));
        if is_open || self.is_test_number(phone, test) { Ok(()) } else { Err(OtpError::CountryClosed) }
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
        let brake = Brake { name: "otp.limits.checks", subject, rates };
        for counted in brake.counted() {
            count(&mut tx, brake.name, &counted, now).await?;
        }
        tx.commit().await.map_err(not_counted)
    }

    /// Counters of live and of test keys have nothing to do with each other, and name nobody.
    pub(super) fn counter(&self, test: bool, subject: &str) -> Vec<u8> {
        let mode = if test { "test" } else { "live" };
        self.store.keys().hash("counter", &format!("{mode} {subject}"))
    }
}

/// Numbers of no country, such as those for tests.
pub(super) const NOWHERE: &str = "none";

pub(super) fn country(phone: &PhoneNumber) -> &str {
    phone.country().unwrap_or(NOWHERE)
}

async fn count(
    tx: &mut Tx,
    brake: &'static str,
    counted: &Counted,
    now: DateTime<Utc>,
) -> Result<(), OtpError> {
    if tx.count_within(counted, now).await.map_err(not_counted)? {
        return Ok(());
    }
    let retry_after = tx.wait_for(counted, now).await.map_err(not_counted)?;
    Err(OtpError::Limited { brake, retry_after })
}

/// The counters do not answer.
pub(super) fn not_counted(error: StoreError) -> OtpError {
    OtpError::NotCounted(error.into())
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
