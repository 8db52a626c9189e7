//! When a failed attempt is followed by another.

use crate::{Deferral, FailedAttempt, FailureClass, RetryDecision, Span, UnixMs, reason};

/// Waiting longer each time: `first`, doubled with every try, up to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first attempt.
    pub first: Span,
    /// No wait is longer.
    pub longest: Span,
    /// How many retries it is good for.
    pub tries: u32,
}

impl Backoff {
    /// No second attempt.
    pub const NEVER: Self = Self { first: Span::seconds(0), longest: Span::seconds(0), tries: 0 };

    /// The moment of the attempt that follows number `attempts`; none when its tries are used up.
    #[must_use]
    pub fn next(&self, attempts: u32, now: UnixMs) -> Option<UnixMs> {
        let retries_made = attempts.saturating_sub(1);
        if retries_made >= self.tries {
            return None;
        }
        let doubled = self.first.ms().saturating_mul(1 << retries_made.min(20));
        Some(now.saturating_add(doubled.min(self.longest.ms())))
    }
}

/// How a policy goes on after each kind of failure. Those that another attempt cannot mend are not
/// here: they are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// The handset was off: later.
    pub unreachable: Backoff,
    /// Queues were full: soon, then not so soon.
    pub congested: Backoff,
    /// The provider stumbled: soon, and not often.
    pub provider_fault: Backoff,
    /// The text may be there already: once and late, or never.
    pub may_have_arrived: Backoff,
}

impl Retries {
    /// For messages that keep their use for an hour or more.
    pub const PATIENT: Self = Self {
        unreachable: Backoff { first: Span::minutes(30), longest: Span::hours(4), tries: 3 },
        congested: Backoff { first: Span::minutes(5), longest: Span::hours(1), tries: 3 },
        provider_fault: Backoff { first: Span::minutes(2), longest: Span::minutes(30), tries: 2 },
        may_have_arrived: Backoff { first: Span::hours(1), longest: Span::hours(1), tries: 1 },
    };

    /// For messages that are wanted at once.
    pub const URGENT: Self = Self {
        unreachable: Backoff { first: Span::minutes(5), longest: Span::minutes(30), tries: 3 },
        congested: Backoff { first: Span::minutes(1), longest: Span::minutes(10), tries: 3 },
        provider_fault: Backoff { first: Span::seconds(30), longest: Span::minutes(5), tries: 3 },
        may_have_arrived: Backoff { first: Span::minutes(15), longest: Span::minutes(15), tries: 1 },
    };

    /// Whether there is another attempt: at most `at_most` retries, as many as the host allows, and
    /// none that would come after `useful_until`.
    #[must_use]
    pub fn decide(&self, a: &FailedAttempt, at_most: u32, useful_until: UnixMs) -> RetryDecision {
        let useful_until = useful_until.min(a.message.expires_at);
        let (backoff, code, text) = self.judge(a);
        let why = |code, text| {
            reason(code, text)
                .fact("provider-code", a.provider_code.as_str())
                .fact("attempts", a.message.attempts)
        };
        let give_up = |code, text| RetryDecision::GiveUp(why(code, text));
        if a.to.opted_out {
            return give_up("opted-out", "This person asked for no more texts.");
        }
        let Some(next) = backoff.next(a.message.attempts, a.now) else {
            return give_up(code, text);
        };
        if a.attempts_left == 0 || a.message.attempts > at_most {
            return give_up("no-attempts-left", "It was tried as often as is allowed.");
        }
        if next >= useful_until {
            let why = why("too-late-to-retry", "The next attempt would come too late to be of use.")
                .moment("useful-until", useful_until);
            return RetryDecision::GiveUp(why);
        }
        RetryDecision::Retry(Deferral::new(next, why(code, text).moment("until", next)))
    }

    fn judge(&self, a: &FailedAttempt) -> (Backoff, &'static str, &'static str) {
        let never = Backoff::NEVER;
        match a.class {
            FailureClass::Filtered => (never, "filtered", "The carrier refuses the text, and would again."),
            FailureClass::Blocked => (never, "blocked", "This person, or their carrier, blocks the clinic."),
            FailureClass::InvalidNumber => (never, "invalid-number", "The number cannot receive texts."),
            FailureClass::Sender => {
                (never, "sender", "The clinic's number or account is not set up for this.")
            }
            _ if a.may_have_arrived => {
                (self.may_have_arrived, "may-have-arrived", "The text may have arrived all the same.")
            }
            FailureClass::Unreachable => (self.unreachable, "unreachable", "The phone could not be reached."),
            FailureClass::Congested => (self.congested, "congested", "The provider or the carrier was busy."),
            FailureClass::ProviderFault => {
                (self.provider_fault, "provider-fault", "The provider had a fault of its own.")
            }
            FailureClass::Unknown => (
                never,
                "unknown-failure",
                "Nobody knows what this failure means; another attempt may not help.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, retry};

    fn failed(class: FailureClass, attempts: u32) -> Case {
        Case::at("2026-11-24T09:00", "America/New_York").expires("2026-11-24T20:00").failed(class, attempts)
    }

    fn decided(case: &Case) -> String {
        let a = case.failed_attempt();
        retry(&Retries::PATIENT.decide(&a, 3, a.message.expires_at), &a)
    }

    #[test]
    fn each_kind_of_failure_has_its_own_answer() {
        use FailureClass::{
            Blocked, Congested, Filtered, InvalidNumber, ProviderFault, Sender, Unknown, Unreachable,
        };
        for (class, attempts, expected) in [
            (Unreachable, 1, "retry at 2026-11-24T09:30: unreachable"),
            (Unreachable, 2, "retry at 2026-11-24T10:00: unreachable"),
            (Unreachable, 3, "retry at 2026-11-24T11:00: unreachable"),
            (Unreachable, 4, "give up: unreachable"),
            (Congested, 1, "retry at 2026-11-24T09:05: congested"),
            (Congested, 3, "retry at 2026-11-24T09:20: congested"),
            (ProviderFault, 2, "retry at 2026-11-24T09:04: provider-fault"),
            (ProviderFault, 3, "give up: provider-fault"),
            (Filtered, 1, "give up: filtered"),
            (Blocked, 1, "give up: blocked"),
            (InvalidNumber, 1, "give up: invalid-number"),
            (Sender, 1, "give up: sender"),
            (Unknown, 1, "give up: unknown-failure"),
        ] {
            assert_eq!(decided(&failed(class, attempts)), expected, "{class:?} {attempts}");
        }
    }

    #[test]
    fn a_text_that_may_have_arrived_is_repeated_once_and_late() {
        let case = |attempts| failed(FailureClass::ProviderFault, attempts).may_have_arrived();
        assert_eq!(decided(&case(1)), "retry at 2026-11-24T10:00: may-have-arrived");
        assert_eq!(decided(&case(2)), "give up: may-have-arrived");
    }

    #[test]
    fn no_attempt_is_over_the_limit_or_past_the_use() {
        let case = || failed(FailureClass::Unreachable, 1);
        assert_eq!(decided(&case().attempts_left(0)), "give up: no-attempts-left");
        assert_eq!(decided(&case().expires("2026-11-24T09:30")), "give up: too-late-to-retry");
        assert_eq!(decided(&case().opted_out()), "give up: opted-out");

        let a = case().failed_attempt();
        let none_wanted = Retries::PATIENT.decide(&a, 0, a.message.expires_at);
        assert_eq!(retry(&none_wanted, &a), "give up: no-attempts-left");
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first: Span::seconds(1), longest: Span::seconds(5), tries: 99 };
        let waits: Vec<_> = (1..6).map(|attempts| backoff.next(attempts, 0).unwrap()).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 5_000, 5_000]);
    }
}
