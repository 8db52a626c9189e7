//! Pace: how fast texts may go out from one sender. A sender is busy until everything it was given has
//! gone out at its rate; who comes later waits, and urgent texts never do: they only make it busier.

use super::message::Lane;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// What a sender may do, in segments a second: what carriers take without queueing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Of one segment, in microseconds.
    segment: i64,
}

/// All of a sender's rate, in thousandths.
pub const FULL_SPEED: i64 = 1000;

/// A sender is never slowed down beyond this.
const LEAST_SPEED: i64 = 20;

/// A slowed sender stays so for this long, and then gains a tenth of its rate in every step.
const SLOW_FOR: TimeDelta = TimeDelta::seconds(30);
const STEP: TimeDelta = TimeDelta::seconds(10);
const GAIN: i64 = 100;

/// Refusals of calls that were out together are one.
const ONE_REFUSAL: TimeDelta = TimeDelta::seconds(1);

/// What a sender without a limit counts as while it is slowed: that of a short code.
const UNLIMITED: Rate = Rate { segment: 10_000 };

/// Toll-free codes of the North American plan.
const TOLL_FREE: [&str; 7] = ["+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888"];

/// Twilio's own numbers for tests.
const MAGIC: &str = "+1500555";

impl Rate {
    /// `None` when it is out of what can be: a segment in a thousand seconds to a thousand in one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds it is far from the end")]
    pub fn per_second(segments: f64) -> Option<Self> {
        (0.001..=1000.0).contains(&segments).then(|| Self { segment: (1e6 / segments).ceil() as i64 })
    }

    /// What Twilio gives a sender of its kind unless it was told otherwise (its articles on throughput):
    /// a number of North America 1, a toll-free one 3, one of elsewhere and a name 10, a short code 100. A
    /// Messaging Service is as fast as its pool, which is not known here: as one number of elsewhere.
    /// `None` for Twilio's numbers for tests, which are not kept waiting.
    #[must_use]
    pub fn of_kind(sender: &str) -> Option<Self> {
        let is_number = sender.starts_with('+');
        let segments = if sender.starts_with(MAGIC) {
            return None;
        } else if TOLL_FREE.iter().any(|code| sender.starts_with(code)) {
            3.0
        } else if sender.starts_with("+1") {
            1.0
        } else if !is_number && (3..=8).contains(&sender.len()) && sender.bytes().all(|b| b.is_ascii_digit())
        {
            100.0
        } else {
            10.0
        };
        Self::per_second(segments)
    }

    fn of(self, segments: u32, speed: i64) -> TimeDelta {
        TimeDelta::microseconds(self.segment * i64::from(segments) * FULL_SPEED / speed)
    }
}

/// As long as the provider itself lets texts wait for a sender (Twilio: Understanding Twilio Rate Limits and
/// Message Queues).
const LONGEST: TimeDelta = TimeDelta::hours(4);

/// How busy one sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// When everything it was given will have gone out.
    pub busy_until: DateTime<Utc>,
    /// Thousandths of its rate, when it was last slowed down.
    pub speed: i64,
    /// When that was.
    pub slowed_at: Option<DateTime<Utc>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { busy_until: DateTime::UNIX_EPOCH, speed: FULL_SPEED, slowed_at: None }
    }
}

impl Pace {
    /// As it can be at this moment. A clock that was wrong has written what would keep the sender busy until
    /// the moment that it showed.
    #[must_use]
    pub fn believable(self, now: DateTime<Utc>) -> Self {
        Self {
            busy_until: self.busy_until.min(now + LONGEST),
            slowed_at: self.slowed_at.filter(|at| *at <= now + ONE_REFUSAL),
            ..self
        }
    }

    /// Thousandths of its rate that it has now.
    #[must_use]
    pub fn speed(&self, now: DateTime<Utc>) -> i64 {
        let Some(since) = self.slowed_at else { return FULL_SPEED };
        let steps =
            (now - since - SLOW_FOR).max(TimeDelta::zero()).num_milliseconds() / STEP.num_milliseconds();
        (self.speed + steps.saturating_mul(GAIN)).min(FULL_SPEED)
    }

    /// Whether anything has to be counted: a sender without a limit is counted while it is slowed.
    #[must_use]
    pub fn counts(&self, rate: Option<Rate>, now: DateTime<Utc>) -> bool {
        rate.is_some() || self.speed(now) < FULL_SPEED
    }

    /// From when a text of a lane may go.
    #[must_use]
    pub fn opens_at(&self, lane: Lane) -> DateTime<Utc> {
        self.busy_until - ahead(lane)
    }

    /// So many texts of one segment may go now.
    #[must_use]
    pub fn room(&self, rate: Option<Rate>, lane: Lane, now: DateTime<Utc>) -> u32 {
        if !self.counts(rate, now) || lane.is_urgent() {
            return u32::MAX;
        }
        let free = now + ahead(lane) - self.busy_until.max(now);
        if free < TimeDelta::zero() {
            return 0;
        }
        let segment = rate.unwrap_or(UNLIMITED).of(1, self.speed(now)).num_microseconds().unwrap_or(1).max(1);
        u32::try_from(free.num_microseconds().unwrap_or(0) / segment + 1).unwrap_or(u32::MAX)
    }

    /// Gives the sender a text; `false` when it has to wait, and nothing is counted.
    pub fn take(&mut self, rate: Option<Rate>, lane: Lane, segments: u32, now: DateTime<Utc>) -> bool {
        if !self.counts(rate, now) {
            return true;
        }
        if !lane.is_urgent() && self.opens_at(lane) > now {
            return false;
        }
        let takes = rate.unwrap_or(UNLIMITED).of(segments.max(1), self.speed(now));
        self.busy_until = self.busy_until.max(now) + takes;
        true
    }

    /// The provider has asked for patience: half as fast for half a minute, and then gradually as before.
    pub fn slow_down(&mut self, asked: Option<Duration>, now: DateTime<Utc>) {
        if self.slowed_at.is_none_or(|at| now - at >= ONE_REFUSAL || now < at) {
            self.speed = (self.speed(now) / 2).max(LEAST_SPEED);
            self.slowed_at = Some(now);
        }
        if let Some(asked) = asked.and_then(|asked| TimeDelta::from_std(asked).ok()) {
            self.busy_until = self.busy_until.max(now + asked + ahead(Lane::Normal));
        }
    }
}

/// So far ahead of its rate a sender is given texts of a lane: single texts go before bulk, and urgent
/// texts before all.
const fn ahead(lane: Lane) -> TimeDelta {
    match lane {
        Lane::Otp | Lane::Urgent => TimeDelta::days(365),
        Lane::Normal => TimeDelta::milliseconds(1000),
        Lane::Bulk => TimeDelta::milliseconds(500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn every_kind_of_sender_has_the_rate_that_twilio_gives_it() {
        for (sender, segments) in [
            ("+12065550100", 1.0),
            ("+18885550100", 3.0),
            ("+447400123456", 10.0),
            ("LAKESIDE", 10.0),
            ("12345", 100.0),
            ("MGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 10.0),
        ] {
            assert_eq!(Rate::of_kind(sender), Rate::per_second(segments), "{sender}");
        }
        assert_eq!(Rate::of_kind("+15005550006"), None);
        assert!(Rate::per_second(0.0).is_none() && Rate::per_second(f64::NAN).is_none());
    }

    #[test]
    fn over_a_minute_no_more_goes_out_than_the_rate_says() {
        for (segments, lane) in [(1, Lane::Normal), (3, Lane::Bulk)] {
            let (rate, mut pace, mut sent) = (Rate::per_second(3.0), Pace::default(), 0);
            for moment in 0..6000 {
                let now = at(0) + TimeDelta::milliseconds(moment * 10);
                while pace.take(rate, lane, segments, now) {
                    sent += segments;
                }
            }
            assert!((180..=187).contains(&sent), "{sent} segments in a minute at 3 a second");
        }
    }

    #[test]
    fn an_urgent_text_never_waits_and_makes_the_others_wait_longer() {
        let (rate, mut pace) = (Rate::per_second(1.0), Pace::default());
        for _ in 0..30 {
            assert!(pace.take(rate, Lane::Otp, 1, at(0)));
        }
        assert!(!pace.take(rate, Lane::Normal, 1, at(28)));
        assert!(pace.take(rate, Lane::Normal, 1, at(29)));
        assert!(!pace.take(rate, Lane::Bulk, 1, at(29)));
    }

    #[test]
    fn single_texts_go_before_bulk() {
        let (rate, mut pace) = (Rate::per_second(1.0), Pace::default());
        while pace.take(rate, Lane::Bulk, 1, at(0)) {}
        assert!(pace.take(rate, Lane::Normal, 1, at(0)));
        assert_eq!(pace.room(rate, Lane::Bulk, at(1)), 0);
        assert_eq!(pace.room(rate, Lane::Normal, at(1)), 1);
        assert_eq!(pace.room(rate, Lane::Urgent, at(0)), u32::MAX);
    }

    #[test]
    fn a_refusal_halves_the_speed_and_it_comes_back_step_by_step() {
        let mut pace = Pace::default();
        for _ in 0..16 {
            pace.slow_down(None, at(0));
        }
        assert_eq!(pace.speed(at(0)), 500, "calls that were out together are one refusal");
        assert_eq!((pace.speed(at(39)), pace.speed(at(40)), pace.speed(at(60))), (500, 600, 800));
        pace.slow_down(None, at(60));
        assert_eq!((pace.speed(at(60)), pace.speed(at(150))), (400, 1000));
        for second in 0..100 {
            pace.slow_down(None, at(200 + second));
        }
        assert_eq!(pace.speed(at(300)), LEAST_SPEED);
    }

    #[test]
    fn a_sender_without_a_limit_has_one_while_it_is_slowed() {
        let mut pace = Pace::default();
        assert!((0..1000).all(|_| pace.take(None, Lane::Normal, 1, at(0))));
        pace.slow_down(Some(Duration::from_secs(20)), at(0));
        assert!(!pace.take(None, Lane::Normal, 1, at(19)));
        assert_eq!((0..1000).filter(|_| pace.take(None, Lane::Normal, 1, at(20))).count(), 1);
        assert_eq!((0..1000).filter(|_| pace.take(None, Lane::Normal, 1, at(25))).count(), 51);
        assert!((0..1000).all(|_| pace.take(None, Lane::Normal, 1, at(90))));
    }
}
