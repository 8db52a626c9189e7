//! Context: everything a policy may use, put into its question. No name and no number goes in.

use super::Host;
use super::judge::Facts;
use crate::domain::calendar::to_local;
use crate::domain::kind::TypeName;
use crate::domain::message::Message;
use crate::domain::policy::{ClinicFacts, DecideQuestion, Fact, FactValue, MessageFacts, Person, UnixMs};
use crate::domain::recipient::Recipient;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

/// How far back a policy sees what a person was sent.
pub(super) const HISTORY: TimeDelta = TimeDelta::days(30);

/// A moment as the contract writes it.
pub(super) fn unix_ms(at: DateTime<Utc>) -> UnixMs {
    UnixMs::try_from(at.timestamp_millis()).unwrap_or(0)
}

/// A moment as the contract wrote it; `None` for one that is out of range.
pub(super) fn moment(at: UnixMs) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(at).ok()?)
}

impl Host {
    /// A person's own zone, or the clinic's.
    pub(super) fn zone_of(&self, recipient: &Recipient) -> Tz {
        recipient.time_zone.unwrap_or(self.settings.clinic.time_zone)
    }

    /// A person's own language, or the clinic's.
    pub(super) fn language_of<'a>(&'a self, recipient: &'a Recipient) -> &'a str {
        recipient.language.as_deref().unwrap_or(&self.settings.clinic.language)
    }

    /// What the clinic has set for all policies; whether a message may disturb depends on its type
    /// too, where the question is about one.
    pub(super) fn clinic_facts(&self, kind: Option<&TypeName>, now: DateTime<Utc>) -> ClinicFacts {
        let zone = self.settings.clinic.time_zone;
        ClinicFacts {
            time_zone: zone.name().to_owned(),
            local: to_local(now, zone),
            high_priority_may_disturb: self.settings.guard.high_priority_may_disturb
                || kind.is_some_and(|kind| self.settings.guard.may_disturb_types.contains(kind.as_str())),
        }
    }

    pub(super) fn person(
        &self,
        reference: &str,
        recipient: &Recipient,
        opted_out: bool,
        now: DateTime<Utc>,
    ) -> Person {
        let zone = self.zone_of(recipient);
        Person {
            reference: reference.to_owned(),
            role: recipient.role,
            language: self.language_of(recipient).to_owned(),
            time_zone: zone.name().to_owned(),
            local: to_local(now, zone),
            discretion: recipient.preferences.discretion,
            windows: recipient.preferences.windows.clone(),
            switched_off: recipient.preferences.switched_off.iter().cloned().collect(),
            opted_out,
        }
    }

    /// The question that is asked at the moment of sending.
    pub(super) fn decide_question(
        &self,
        message: &Message,
        facts: &Facts,
        data: &serde_json::Value,
        now: DateTime<Utc>,
    ) -> DecideQuestion {
        let opted_out = facts.consents.against(&facts.kind.name, &facts.kind.scope).is_some();
        let since = unix_ms(now - HISTORY);
        DecideQuestion {
            now: unix_ms(now),
            message: message_facts(message),
            to: self.person("to", &facts.recipient, opted_out, now),
            recent: facts.recent.iter().filter(|past| past.at >= since).cloned().collect(),
            clinic: self.clinic_facts(Some(&message.kind), now),
            facts: self.facts(data),
        }
    }

    /// What an event says, but for what a template declares to name a person.
    pub(super) fn facts(&self, data: &serde_json::Value) -> Vec<Fact> {
        let catalogue = self.renderer.snapshot();
        let variables = || catalogue.kinds().flat_map(|kind| kind.variables.values());
        let names_somebody = |fact: &Fact| {
            variables().any(|variable| variable.person && variable.from.as_ref() == Some(&fact.key))
        };
        let mut facts = facts(data);
        facts.retain(|fact| !names_somebody(fact));
        facts
    }
}

pub(super) fn message_facts(message: &Message) -> MessageFacts {
    MessageFacts {
        id: message.id.to_string(),
        message_type: message.kind.clone(),
        priority: message.priority,
        key: message.key.clone(),
        planned_for: unix_ms(message.planned_for),
        expires_at: unix_ms(message.expires_at),
        occurrence: message.occurrence.map(unix_ms),
        deferrals: message.deferrals,
        attempts: message.attempts,
    }
}

/// What an event says, flat: `{"starts_at": "2026-12-01T14:30:00Z"}` is the moment
/// `data.starts_at`. Lists and nulls are left out.
pub(super) fn facts(data: &serde_json::Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    flatten("data", data, &mut facts);
    facts
}

fn flatten(key: &str, value: &serde_json::Value, facts: &mut Vec<Fact>) {
    use serde_json::Value;
    let value = match value {
        Value::Null | Value::Array(_) => return,
        Value::Object(members) => {
            for (name, member) in members {
                flatten(&format!("{key}.{name}"), member, facts);
            }
            return;
        }
        Value::Bool(flag) => FactValue::Flag(*flag),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| FactValue::Decimal(number.to_string()), FactValue::Integer)
        }
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => FactValue::Moment(unix_ms(at.to_utc())),
            Err(_) => FactValue::Text(text.clone()),
        },
    };
    facts.push(Fact { key: key.to_owned(), value });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_says_becomes_flat_typed_facts() {
        let data = serde_json::json!({
            "starts_at": "2026-12-01T14:30:00-05:00",
            "amount": {"amount": "25.50", "currency": "USD"},
            "count": 3, "ratio": 0.5, "first": true, "none": null, "list": [1],
        });
        let facts = facts(&data);
        let of = |key: &str| facts.iter().find(|fact| fact.key == key).map(|fact| fact.value.clone());
        assert_eq!(of("data.starts_at"), Some(FactValue::Moment(1_796_153_400_000)));
        assert_eq!(of("data.amount.amount"), Some(FactValue::Text("25.50".to_owned())));
        assert_eq!(of("data.count"), Some(FactValue::Integer(3)));
        assert_eq!(of("data.ratio"), Some(FactValue::Decimal("0.5".to_owned())));
        assert_eq!(of("data.first"), Some(FactValue::Flag(true)));
        assert_eq!((of("data.none"), of("data.list")), (None, None));
    }
}
