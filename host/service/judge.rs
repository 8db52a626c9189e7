//! Judging: what no policy can override, what follows when none answers, and what is written when a message
//! is not sent now.

use super::context::moment;
use super::count_anew::was_counted_in_doubt;
use super::otp::Verifying;
use super::record::{About, Recorded};
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::consent::{Binds, Consents, Scope, Standing};
use crate::domain::kind::{Kind, OnPolicyFailure};
use crate::domain::message::{Cause, Message, Priority};
use crate::domain::policy::{Blame, Decision, PastMessage, PolicyFault};
use crate::domain::recipient::Recipient;
use crate::render::Catalogue;
use crate::store::{Change, Opened};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// The scope of the answers to STOP, START and HELP.
pub(super) const SERVICE: &str = "service";

/// Why a message is held that the clock would end or put off, while the clock is in doubt.
const CLOCK_DOUBTED: &str = "clock-doubted";

/// What is to become of a claimed message.
pub(super) enum Verdict {
    Send {
        why: Cause,
    },
    Defer {
        until: DateTime<Utc>,
        why: Cause,
    },
    Suppress {
        cause: Cause,
    },
    Hold {
        cause: Cause,
    },
    /// Held, and asked again at a known moment.
    HoldUntil {
        cause: Cause,
        until: DateTime<Utc>,
    },
    Expire {
        cause: Cause,
    },
}

/// Everything that is known when a claimed message is judged.
pub(super) struct Facts {
    pub(super) recipient: Recipient,
    pub(super) opened: Opened,
    pub(super) kind: Kind,
    /// What its text is written with, and what its type was read from.
    pub(super) words: Arc<Catalogue>,
    pub(super) consents: Consents,
    /// What the recipient was sent before, the newest first.
    pub(super) recent: Vec<PastMessage>,
    /// Its text is a code that Twilio Verify makes and writes.
    pub(super) verifying: Option<Box<Verifying>>,
}

impl Host {
    /// What is to become of a message at this moment: the host's own rules first, then the policy of its
    /// type. Nothing is written.
    pub(super) async fn judge(
        &self,
        message: &Message,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Result<(Verdict, Option<Recorded>), HostError> {
        if let Some(verdict) = self.own_rules(message, facts, now) {
            return Ok((verdict, None));
        }
        let Some(policy) = self.policies.for_type(&message.kind) else {
            // Rules that are missing are not the same as none.
            if let Some(removed) = self.policies.removed_for_type(&message.kind) {
                return Ok((self.without_policy(message, facts, &removed.fault("decide"), now), None));
            }
            let why = Cause::new("no-policy", "no policy decides for this type");
            return Ok((self.unless_quiet(message, facts, why, now), None));
        };
        let data = facts.opened.payload.as_ref().map_or(&serde_json::Value::Null, |payload| &payload.data);
        let question = self.decide_question(message, facts, data, now);
        let answered = match self.policies.decide(&policy, &question).await {
            Ok(answered) => answered,
            Err(fault) => {
                let record = Recorded::of_fault("decide", &question, &fault)?;
                return Ok((self.without_policy(message, facts, &fault, now), Some(record)));
            }
        };
        let (outcome, why, verdict) = match &answered.answer {
            Decision::Send { why } => ("send", why, Verdict::Send { why: why.into() }),
            Decision::Defer { until, why } => {
                ("defer", why, self.deferred(message, moment(*until), why.into()))
            }
            Decision::Suppress { why } => ("suppress", why, Verdict::Suppress { cause: why.into() }),
        };
        let record = Recorded::new("decide", &question, &answered, outcome, why.into())?;
        Ok((verdict, Some(record)))
    }

    /// What no policy can override.
    pub(super) fn own_rules(&self, message: &Message, facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
        let suppress = |code: &str, text: &str| Some(Verdict::Suppress { cause: Cause::new(code, text) });
        if message.expires_at <= now {
            let cause = Cause::new("expired", "its use was over before it could be sent");
            return Some(Verdict::Expire { cause });
        }
        // The answers to STOP, START and HELP are what the law asks for, whatever was switched off.
        let is_service = facts.kind.scope == SERVICE;
        let against = facts.consents.against(&facts.kind.name, &facts.kind.scope);
        if let Some(standing) = against.filter(|_| !is_service) {
            return Some(Verdict::Suppress { cause: opted_out(standing) });
        }
        if !is_service && facts.recipient.preferences.switched_off.contains(message.kind.as_str()) {
            return suppress("switched-off", "the recipient has switched this type off");
        }
        let Some(phone) = &facts.recipient.phone else {
            let cause = Cause::new("no-phone", "no number of this person is known");
            return Some(Verdict::Hold { cause });
        };
        let countries = &self.settings.guard.countries;
        if !countries.is_empty() && phone.country().is_none_or(|country| !countries.contains(country)) {
            return suppress("country-not-allowed", "the number's country is not among guard.countries");
        }
        None
    }

    /// The policy did not answer: the type says what then, and the host's own quiet hours hold.
    pub(super) fn without_policy(
        &self,
        message: &Message,
        facts: &Facts,
        fault: &PolicyFault,
        now: DateTime<Utc>,
    ) -> Verdict {
        // The text of a fault may quote what the policy was told: it stays out of the log.
        tracing::error!(message_id = %message.id, policy = %fault.by.name, code = fault.code, "a policy did not answer");
        let cause = Cause::new(
            format!("policy-{}", fault.code),
            format!("the policy {} did not answer", fault.by.name),
        );
        match facts.kind.on_policy_failure {
            OnPolicyFailure::Suppress if fault.blame == Blame::Policy => Verdict::Suppress { cause },
            // What the host did wrong costs nobody a text: it is asked again.
            OnPolicyFailure::Hold | OnPolicyFailure::Suppress => Verdict::Hold { cause },
            OnPolicyFailure::Send => self.unless_quiet(message, facts, cause, now),
        }
    }

    /// Sent, but for the host's own quiet hours, which hold where no policy speaks.
    pub(super) fn unless_quiet(
        &self,
        message: &Message,
        facts: &Facts,
        why: Cause,
        now: DateTime<Utc>,
    ) -> Verdict {
        let guard = &self.settings.guard;
        let may_disturb = facts.kind.scope == SERVICE
            || guard.may_disturb_types.contains(message.kind.as_str())
            || (message.priority == Priority::High && guard.high_priority_may_disturb);
        match guard.quiet_hours.end_after(now, self.zone_of(&facts.recipient)) {
            Some(end) if !may_disturb => self.deferred(message, Some(end), why),
            Some(_) | None => Verdict::Send { why },
        }
    }

    /// A deferral, held against the host's own bounds.
    fn deferred(&self, message: &Message, until: Option<DateTime<Utc>>, why: Cause) -> Verdict {
        match until {
            Some(until) if until >= message.expires_at => Verdict::Expire { cause: why },
            Some(until) if message.deferrals < self.policies.limits().deferrals => {
                Verdict::Defer { until, why }
            }
            Some(_) | None => {
                let text = format!(
                    "deferred {} times (`deferrals` in `[policy]`), and the policy defers it once more",
                    message.deferrals
                );
                Verdict::Hold { cause: Cause::new("deferred-too-often", text) }
            }
        }
    }

    /// Commits what was decided without a call.
    pub(super) async fn conclude(
        &self,
        message: Message,
        verdict: Verdict,
        record: Option<Recorded>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        self.crash_at(Point::Judged).await;
        let mut tx = self.store.begin().await?;
        let mut after = message.clone();
        // What a wrong clock ends does not come back: it is decided again when the clock is sure.
        let is_by_clock = match &verdict {
            Verdict::Expire { .. } | Verdict::Defer { .. } => true,
            Verdict::Suppress { .. } => record.is_some(),
            Verdict::Send { .. } | Verdict::Hold { .. } | Verdict::HoldUntil { .. } => false,
        };
        let verdict = if is_by_clock && (self.doubts(now) || was_counted_in_doubt(&message, now)) {
            let cause = Cause::new(CLOCK_DOUBTED, "it would not go out now by a clock that is in doubt");
            Verdict::HoldUntil { cause, until: message.due_at }
        } else {
            verdict
        };
        let note = match verdict {
            Verdict::Send { why } => why,
            Verdict::Defer { until, why } => {
                after.state = after.state.plan_again()?;
                after.due_at = until;
                after.deferrals += 1;
                why
            }
            Verdict::Suppress { cause } => {
                after.state = after.state.suppress(cause.clone())?;
                cause
            }
            Verdict::Hold { cause } => {
                // A doubt takes none of its tries.
                let held = tx.times_in_state(message.id, "held").await?;
                let doubted = tx.times_noted(message.id, CLOCK_DOUBTED).await?;
                let check_at = asked_again(held.saturating_sub(doubted), now)
                    .map_or(message.expires_at, |at| at.min(message.expires_at));
                after.state = after.state.hold(cause.clone(), Some(check_at))?;
                cause
            }
            Verdict::HoldUntil { cause, until } => {
                after.state = after.state.hold(cause.clone(), Some(until.min(message.expires_at)))?;
                cause
            }
            Verdict::Expire { cause } => {
                after.state = after.state.expire(cause.clone())?;
                cause
            }
        };
        if let Some(record) = &record {
            self.keep_decision(&mut tx, About::Message(message.id), &message.recipient, record, now).await?;
        }
        tx.move_message(&message, &mut after, &Change::noted(note, Some(self.id), now)).await?;
        Ok(tx.commit().await?)
    }
}

/// Why a message is not sent to somebody who said stop.
pub(super) fn opted_out(standing: &Standing) -> Cause {
    let who = match standing.binds {
        Binds::Phone => "the phone has said stop",
        Binds::Recipient => "the recipient wants no texts",
    };
    let what = match &standing.scope {
        Scope::All => String::new(),
        Scope::Group(name) => format!(" about {name}"),
        Scope::Type(name) => format!(" of the type {name}"),
    };
    Cause::new("opted-out", format!("{who}{what}"))
}

/// A held message is asked again after 1, 5 and 15 minutes, in case a file was mended; then a
/// person must look, and it expires like the rest.
fn asked_again(times_held: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    [1, 5, 15].get(usize::try_from(times_held).ok()?).map(|minutes| now + TimeDelta::minutes(*minutes))
}
