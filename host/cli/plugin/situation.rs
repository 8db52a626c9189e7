//! A situation in which a policy is asked, as people write it in `cases.toml`: everything that is left
//! out is ordinary.

use crate::domain::calendar::{FoldRule, GapRule, from_local, to_local};
use crate::domain::failure::FailureClass;
use crate::domain::kind::TypeName;
use crate::domain::message::Priority;
use crate::domain::policy::{
    ClinicFacts, DecideQuestion, Description, Discretion, Fact, FactValue, FailureQuestion, MessageFacts,
    PastMessage, Person, PlanQuestion, ReplyQuestion, UnixMs,
};
use crate::domain::question::Question;
use crate::domain::recipient::Role;
use crate::domain::window::{Window, minute};
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

const DAY: UnixMs = 24 * 60 * 60 * 1000;

/// Which of the four questions is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ask {
    #[default]
    Decide,
    Plan,
    OnFailure,
    OnReply,
}

/// The situation as it is written; moments are on the wall clock of `zone`, or in RFC 3339.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Situation {
    pub(super) ask: Ask,
    /// `2026-11-24T09:00`
    pub(super) now: Option<toml::Value>,
    /// IANA; the clinic's when left out.
    pub(super) zone: Option<String>,
    /// The message's type; the policy's first when left out.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) key: String,
    pub(super) priority: Option<Priority>,
    pub(super) planned_for: Option<toml::Value>,
    /// A day from now when left out.
    pub(super) expires: Option<toml::Value>,
    pub(super) occurrence: Option<toml::Value>,
    pub(super) deferrals: u32,
    pub(super) attempts: Option<u32>,
    pub(super) role: Option<Role>,
    pub(super) language: Option<String>,
    pub(super) discretion: Discretion,
    /// `Tue 09:00-12:00`
    pub(super) prefers: Vec<String>,
    pub(super) switched_off: Vec<String>,
    pub(super) opted_out: bool,
    /// Whether high priority may disturb; what `tidings.toml` says when left out.
    pub(super) may_disturb: Option<bool>,
    pub(super) recent: Vec<Past>,
    pub(super) facts: toml::Table,
    /// For `plan`: `appointment.booked`.
    pub(super) event: Option<String>,
    /// For `plan`: the people beside the first, `p2` and so on.
    pub(super) people: Vec<Other>,
    /// For `on-failure`.
    pub(super) class: Option<FailureClass>,
    pub(super) provider_code: String,
    pub(super) may_have_arrived: bool,
    pub(super) attempts_left: Option<u32>,
    /// For `on-reply`.
    pub(super) text: String,
    /// For `on-reply`: the text answers no message that is known.
    pub(super) unasked: bool,
}

/// A message this person had before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Past {
    #[serde(rename = "type")]
    kind: String,
    at: toml::Value,
    outcome: String,
}

/// Another person of an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Other {
    role: Role,
    zone: Option<String>,
}

/// What stands behind a situation that says little.
#[derive(Clone, Debug)]
pub(super) struct Ordinary {
    pub(super) zone: Tz,
    pub(super) high_priority_may_disturb: bool,
    pub(super) may_disturb: std::collections::BTreeSet<String>,
}

impl Situation {
    /// The zone of the wall clock.
    pub(super) fn zone(&self, ordinary: &Ordinary) -> Result<Tz, String> {
        self.zone.as_deref().map_or(Ok(ordinary.zone), zone)
    }

    /// When it is, as written.
    pub(super) fn now(&self, ordinary: &Ordinary) -> Result<UnixMs, String> {
        let zone = self.zone(ordinary)?;
        let now = self.now.as_ref().ok_or("`now` is missing, such as \"2026-11-24T09:00\"")?;
        moment("now", now, zone)
    }

    /// The question that the host would ask in it.
    pub(super) fn question(&self, described: &Description, ordinary: &Ordinary) -> Result<Question, String> {
        self.question_at(self.now(ordinary)?, described, ordinary)
    }

    /// The same, with every moment moved so that it is `now`.
    pub(super) fn question_at(
        &self,
        now: UnixMs,
        described: &Description,
        ordinary: &Ordinary,
    ) -> Result<Question, String> {
        let setting = Setting::new(self, now, described, ordinary)?;
        Ok(match self.ask {
            Ask::Decide => Question::Decide(setting.decide()?),
            Ask::Plan => Question::Plan(setting.plan()?),
            Ask::OnFailure => Question::OnFailure(setting.on_failure()?),
            Ask::OnReply => Question::OnReply(setting.on_reply()?),
        })
    }
}

/// A situation at its moment.
struct Setting<'a> {
    written: &'a Situation,
    described: &'a Description,
    ordinary: &'a Ordinary,
    zone: Tz,
    now: UnixMs,
    /// What is added to every moment that is written.
    shift: i64,
}

impl<'a> Setting<'a> {
    fn new(
        written: &'a Situation,
        now: UnixMs,
        described: &'a Description,
        ordinary: &'a Ordinary,
    ) -> Result<Self, String> {
        let as_written = written.now.as_ref().map(|_| written.now(ordinary)).transpose()?;
        let shift = as_written.map_or(0, |as_written| now.cast_signed() - as_written.cast_signed());
        Ok(Self { zone: written.zone(ordinary)?, written, described, ordinary, now, shift })
    }

    fn moment(&self, name: &str, value: &toml::Value) -> Result<UnixMs, String> {
        Ok(moment(name, value, self.zone)?.saturating_add_signed(self.shift))
    }

    fn optional(&self, name: &str, value: Option<&toml::Value>) -> Result<Option<UnixMs>, String> {
        value.map(|value| self.moment(name, value)).transpose()
    }

    fn kind(&self) -> TypeName {
        let first = || self.described.message_types.first().map_or("", TypeName::as_str);
        TypeName::from(self.written.kind.as_deref().unwrap_or_else(first))
    }

    fn clinic(&self) -> Result<ClinicFacts, String> {
        let Ordinary { zone, high_priority_may_disturb, may_disturb } = self.ordinary;
        let usual = *high_priority_may_disturb || may_disturb.contains(self.kind().as_str());
        Ok(ClinicFacts {
            time_zone: zone.name().to_owned(),
            local: to_local(instant(self.now)?, *zone),
            high_priority_may_disturb: self.written.may_disturb.unwrap_or(usual),
        })
    }

    fn person(&self, reference: &str, role: Role, zone: Tz) -> Result<Person, String> {
        Ok(Person {
            reference: reference.to_owned(),
            role,
            language: self.written.language.clone().unwrap_or_else(|| "en".to_owned()),
            time_zone: zone.name().to_owned(),
            local: to_local(instant(self.now)?, zone),
            discretion: Discretion::Standard,
            windows: Vec::new(),
            switched_off: Vec::new(),
            opted_out: false,
        })
    }

    fn first_person(&self) -> Result<Person, String> {
        let written = self.written;
        let role = written.role.unwrap_or(Role::Patient);
        Ok(Person {
            discretion: written.discretion,
            windows: written.prefers.iter().map(|text| window(text)).collect::<Result<_, _>>()?,
            switched_off: written.switched_off.clone(),
            opted_out: written.opted_out,
            ..self.person("p1", role, self.zone)?
        })
    }

    fn message(&self) -> Result<MessageFacts, String> {
        let written = self.written;
        let usual_attempts = u32::from(written.ask == Ask::OnFailure);
        Ok(MessageFacts {
            id: "m1".to_owned(),
            message_type: self.kind(),
            priority: written.priority.unwrap_or(Priority::Medium),
            key: written.key.clone(),
            planned_for: self.optional("planned_for", written.planned_for.as_ref())?.unwrap_or(self.now),
            expires_at: self.optional("expires", written.expires.as_ref())?.unwrap_or(self.now + DAY),
            occurrence: self.optional("occurrence", written.occurrence.as_ref())?,
            deferrals: written.deferrals,
            attempts: written.attempts.unwrap_or(usual_attempts),
        })
    }

    fn facts(&self) -> Result<Vec<Fact>, String> {
        let fact = |(key, value): (&String, &toml::Value)| {
            Ok(Fact { key: key.clone(), value: self.fact_value(key, value)? })
        };
        self.written.facts.iter().map(fact).collect()
    }

    fn fact_value(&self, key: &str, value: &toml::Value) -> Result<FactValue, String> {
        use toml::Value;
        Ok(match value {
            Value::Boolean(flag) => FactValue::Flag(*flag),
            Value::Integer(number) => FactValue::Integer(*number),
            Value::Float(number) => FactValue::Decimal(number.to_string()),
            Value::Datetime(_) => FactValue::Moment(self.moment(key, value)?),
            // A date and time is a moment in quotes, too.
            Value::String(text) => match self.moment(key, value) {
                Ok(at) => FactValue::Moment(at),
                Err(_) => FactValue::Text(text.clone()),
            },
            Value::Array(_) | Value::Table(_) => {
                return Err(format!(
                    "the fact `{key}` is a list or a table; facts are flat: `data.visit.room`"
                ));
            }
        })
    }

    fn decide(&self) -> Result<DecideQuestion, String> {
        let past = |past: &Past| {
            Ok::<_, String>(PastMessage {
                message_type: TypeName::from(past.kind.as_str()),
                at: self.moment("recent.at", &past.at)?,
                outcome: past.outcome.clone(),
            })
        };
        let mut recent = self.written.recent.iter().map(past).collect::<Result<Vec<_>, _>>()?;
        // As the host has it: newest first.
        recent.sort_by_key(|past| std::cmp::Reverse(past.at));
        Ok(DecideQuestion {
            now: self.now,
            message: self.message()?,
            to: self.first_person()?,
            recent,
            clinic: self.clinic()?,
            facts: self.facts()?,
        })
    }

    fn plan(&self) -> Result<PlanQuestion, String> {
        let first = || self.described.events.first().cloned();
        let event_type = self.written.event.clone().or_else(first).ok_or("`event` is missing")?;
        let mut people = vec![self.first_person()?];
        for (number, other) in (2..).zip(&self.written.people) {
            let zone = other.zone.as_deref().map_or(Ok(self.zone), zone)?;
            people.push(self.person(&format!("p{number}"), other.role, zone)?);
        }
        Ok(PlanQuestion {
            id: "e1".to_owned(),
            subject_type: event_type.split('.').next().unwrap_or_default().to_owned(),
            event_type,
            subject_version: 1,
            occurred_at: self.now,
            now: self.now,
            people,
            clinic: self.clinic()?,
            facts: self.facts()?,
        })
    }

    fn on_failure(&self) -> Result<FailureQuestion, String> {
        let message = self.message()?;
        Ok(FailureQuestion {
            now: self.now,
            to: self.first_person()?,
            class: self.written.class.ok_or("`class` is missing, such as \"unreachable\"")?,
            provider_code: self.written.provider_code.clone(),
            may_have_arrived: self.written.may_have_arrived,
            failed_at: self.now,
            attempts_left: self.written.attempts_left.unwrap_or(4_u32.saturating_sub(message.attempts)),
            message,
            clinic: self.clinic()?,
            facts: self.facts()?,
        })
    }

    fn on_reply(&self) -> Result<ReplyQuestion, String> {
        Ok(ReplyQuestion {
            now: self.now,
            received_at: self.now,
            who: self.first_person()?,
            text: self.written.text.clone(),
            in_reply_to: if self.written.unasked { None } else { Some(self.message()?) },
            clinic: self.clinic()?,
            facts: self.facts()?,
        })
    }
}

pub(super) fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| format!("there is no time zone `{name}`; `America/New_York` is one"))
}

fn instant(at: UnixMs) -> Result<DateTime<Utc>, String> {
    let at = i64::try_from(at).ok().and_then(DateTime::from_timestamp_millis);
    at.ok_or_else(|| "a moment is out of range".to_owned())
}

/// A moment, on the wall clock of this zone or with an offset of its own.
fn moment(name: &str, value: &toml::Value, zone: Tz) -> Result<UnixMs, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(at) => at.to_string(),
        _ => return Err(format!("`{name}` is no moment, such as \"2026-11-24T09:00\"")),
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return millis(at.to_utc());
    }
    let wall = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
        .ok_or_else(|| format!("`{name}` is `{text}`; a moment is written \"2026-11-24T09:00\""))?;
    let at = from_local(wall, zone, GapRule::After, FoldRule::Earlier);
    at.map_or_else(|| Err(format!("`{name}` is out of range")), millis)
}

fn millis(at: DateTime<Utc>) -> Result<UnixMs, String> {
    UnixMs::try_from(at.timestamp_millis()).map_err(|_| "a moment is before 1970".to_owned())
}

/// `Tue 09:00-12:00`
fn window(text: &str) -> Result<Window, String> {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let parsed = text.split_once(' ').and_then(|(day, hours)| {
        let weekday = (1_u8..).zip(days).find(|(_, name)| *name == day)?.0;
        let (from, to) = hours.split_once('-')?;
        let (from_minute, to_minute) = (minute(from).ok()?, minute(to).ok()?);
        (from_minute < to_minute).then_some(Window { weekday, from_minute, to_minute })
    });
    parsed.ok_or_else(|| format!("`{text}` is no time of the week, such as \"Tue 09:00-12:00\""))
}
