//! Against SMS pumping: somebody asks for codes that nobody will type, to earn from the texts. Codes that
//! were asked for and not typed are held against those that were; a country or an address with too many
//! of the former is suspicious. The formulas follow the published ones of Authgear's fraud protection.

use chrono::{DateTime, TimeDelta, Utc};

/// Days of traffic that are compared.
pub const DAYS: i64 = 14;

/// What was asked for and what was typed in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hour {
    /// Hours since 1970.
    pub hour: i64,
    /// Texts.
    pub sent: i64,
    /// Right codes.
    pub verified: i64,
}

/// The hour of a moment, in hours since 1970.
#[must_use]
pub fn hour(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(3600)
}

/// What was asked for and what was typed, of one country or one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Texts of this hour.
    pub sent_hour: i64,
    /// Right codes of this hour.
    pub verified_hour: i64,
    /// Texts of the past 24 hours.
    pub sent_day: i64,
    /// Right codes of the past 24 hours.
    pub verified_day: i64,
    /// Right codes on the best of the past 14 days.
    pub best_day: i64,
}

/// What a country may have of codes that are not typed: a fifth of the right ones, of the best of 14 days
/// or of today, and 20 in any case; in an hour a sixth of that, or a fifth of the hour's right ones, and 3
/// in any case.
#[must_use]
pub fn country_is_suspicious(traffic: &Traffic) -> bool {
    let day = 20.max(traffic.best_day / 5).max(traffic.verified_day / 5);
    let hour = 3.max(day / 6).max(traffic.verified_hour / 5);
    exceeds(traffic, hour, day)
}

/// The same for one address: a fifth of the right ones of today, and 10 in any case; in an hour a sixth
/// of that, and 5 in any case.
#[must_use]
pub fn address_is_suspicious(traffic: &Traffic) -> bool {
    let day = 10.max(traffic.verified_day / 5);
    let hour = 5.max(traffic.verified_day / 30);
    exceeds(traffic, hour, day)
}

impl Traffic {
    /// What the hours come to, as seen in one of them. A day is a stretch of 24 hours that ends with it.
    #[must_use]
    pub fn at(hour: i64, hours: &[Hour]) -> Self {
        let mut traffic = Self::default();
        let mut days = [0; 14];
        for counted in hours {
            let Ok(age) = usize::try_from(hour - counted.hour) else { continue };
            if let Some(day) = days.get_mut(age / 24) {
                *day += counted.verified;
            }
            if age < 24 {
                traffic.sent_day += counted.sent;
                traffic.verified_day += counted.verified;
            }
            if age == 0 {
                traffic.sent_hour += counted.sent;
                traffic.verified_hour += counted.verified;
            }
        }
        traffic.best_day = days.into_iter().max().unwrap_or_default();
        traffic
    }
}

/// How long to wait until nothing is suspicious any more, if nothing else happens meanwhile: to the beginning of
/// an hour, within a day.
#[must_use]
pub fn wait(hours: &[Hour], now: DateTime<Utc>, is_suspicious: &dyn Fn(&Traffic) -> bool) -> TimeDelta {
    let this = hour(now);
    let free = (this + 1..this + 24).find(|then| !is_suspicious(&Traffic::at(*then, hours)));
    let whole = TimeDelta::hours(free.unwrap_or(this + 24) - this);
    whole - TimeDelta::milliseconds(now.timestamp_millis().rem_euclid(3_600_000))
}

fn exceeds(traffic: &Traffic, hour: i64, day: i64) -> bool {
    traffic.sent_hour - traffic.verified_hour > hour || traffic.sent_day - traffic.verified_day > day
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_scenarios_are_judged_as_published() {
        // About a thousand texts a day: a normal day, a day of twice as much, and an attack on each.
        let normal = Traffic {
            sent_hour: 220,
            verified_hour: 200,
            sent_day: 1100,
            verified_day: 1000,
            best_day: 1000,
        };
        let busy = Traffic {
            sent_hour: 440,
            verified_hour: 400,
            sent_day: 2200,
            verified_day: 2000,
            best_day: 1000,
        };
        let first_hour =
            Traffic { sent_hour: 330, verified_hour: 300, sent_day: 330, verified_day: 300, best_day: 0 };
        let quiet_attack =
            Traffic { sent_hour: 140, verified_hour: 100, sent_day: 800, verified_day: 500, best_day: 1000 };
        let busy_attack = Traffic {
            sent_hour: 500,
            verified_hour: 400,
            sent_day: 2500,
            verified_day: 2000,
            best_day: 1000,
        };
        for (traffic, suspicious) in
            [(normal, false), (busy, false), (first_hour, false), (quiet_attack, true), (busy_attack, true)]
        {
            assert_eq!(country_is_suspicious(&traffic), suspicious, "{traffic:?}");
        }
    }

    #[test]
    fn the_wait_lasts_until_nothing_is_suspicious_any_more() {
        let now = DateTime::from_timestamp(3600 * 1000 + 900, 0).unwrap();
        let minutes = |hours: &[Hour]| wait(hours, now, &country_is_suspicious).num_minutes();
        let at = |age: i64, sent| Hour { hour: 1000 - age, sent, verified: 0 };
        assert_eq!(minutes(&[at(0, 4)]), 45, "too many of this hour: to its end");
        // 21 of the day are too many until those of ten hours ago are a day old.
        assert_eq!(minutes(&[at(10, 3), at(3, 16), at(0, 2)]), 13 * 60 + 45);
        assert_eq!(minutes(&[at(0, 21)]), 23 * 60 + 45);
    }

    proptest! {
        #[test]
        fn after_the_wait_and_not_an_hour_earlier_nothing_is_suspicious(
            counts in proptest::collection::vec((0_i64..30, 0_i64..12, 0_i64..12), 1..30),
            seconds in 0_i64..3600,
        ) {
            let now = DateTime::from_timestamp(3600 * 1000 + seconds, 0).unwrap();
            let hours: Vec<Hour> =
                counts.iter().map(|(age, sent, verified)| Hour { hour: 1000 - age, sent: *sent, verified: *verified }).collect();
            for is_suspicious in [country_is_suspicious, address_is_suspicious] {
                let free = now + wait(&hours, now, &is_suspicious);
                prop_assert!(!is_suspicious(&Traffic::at(hour(free), &hours)));
                for then in 1001..hour(free) {
                    prop_assert!(is_suspicious(&Traffic::at(then, &hours)), "{then}");
                }
            }
        }

        #[test]
        fn who_types_every_code_is_never_suspicious(hour in 0_i64..10_000, more in 0_i64..10_000, best in 0_i64..10_000) {
            let day = hour + more;
            let honest = Traffic { sent_hour: hour, verified_hour: hour, sent_day: day, verified_day: day, best_day: best };
            prop_assert!(!country_is_suspicious(&honest) && !address_is_suspicious(&honest));
        }

        #[test]
        fn who_types_none_is_suspicious_soon(sent in 21_i64..10_000) {
            let pump = Traffic { sent_hour: sent, sent_day: sent, ..Traffic::default() };
            prop_assert!(country_is_suspicious(&pump) && address_is_suspicious(&pump));
        }
    }
}
