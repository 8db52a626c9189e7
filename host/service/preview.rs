//! Preview: the way of a send, with the same code, up to the attempt. Nothing is written and nothing is sent.

use super::checks::FieldError;
use super::context::HISTORY;
use super::draft::PostedMessage;
use super::gather::past;
use super::intake::ERASED;
use super::judge::{Facts, Verdict};
use super::{Caller, Host, IntakeError};
use crate::domain::message::{Cause, Message, TextFacts};
use crate::domain::policy::Answerer;
use crate::domain::recipient::{Recipient, Role};
use crate::store::Opened;
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

/// So many hours are looked ahead.
const HOURS: i32 = 24;

/// What would become of a text.
pub struct Preview {
    /// The message that a send would make.
    pub message: Message,
    /// The person's zone, for local times.
    pub time_zone: chrono_tz::Tz,
    /// What would be decided when it is due, and at the end of each deferral.
    pub decisions: Vec<Judged>,
    /// When it would go out; `None` when it would not.
    pub would_send_at: Option<DateTime<Utc>>,
    /// What would be decided if it were due at each of the next hours.
    pub hours: Vec<Judged>,
    /// The text, in each language that was asked for.
    pub texts: Vec<PreviewText>,
}

/// What a text in the person's own language comes to, or why there is none.
type Written = Result<TextFacts, String>;

/// What would be decided at a moment.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The moment.
    pub at: DateTime<Utc>,
    /// `send`, `defer`, `suppress`, `hold` or `expire`.
    pub outcome: &'static str,
    /// Until when it is deferred.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    pub why: Cause,
    /// The policy that answered; `None` when the host's own rules did.
    pub by: Option<Answerer>,
    /// The policy's answer, with the facts that settled it.
    pub answer: Option<serde_json::Value>,
}

/// The text in one language. Has no `Debug`: it is a patient's.
pub struct PreviewText {
    /// The language that was asked for.
    pub asked: String,
    /// The words, without secrets, and their figures; or why there are none.
    pub rendered: Result<(String, TextFacts), String>,
}

impl Host {
    /// What would become of a text.
    ///
    /// # Errors
    ///
    /// Fields are wrong, or the database failed.
    pub async fn preview(
        &self,
        caller: &Caller,
        posted: PostedMessage,
        locales: &[String],
    ) -> Result<Preview, IntakeError> {
        let now = self.now();
        let mut wrong = Vec::new();
        for (index, tag) in locales.iter().enumerate() {
            self.check_language(&format!("/locales/{index}"), tag, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(IntakeError::Fields(wrong));
        }
        let draft = self.read_draft(posted, now)?;
        let kind = draft.kind.clone();
        let mut tx = self.store.read().await?;
        let known = tx.recipient(&draft.person).await?;
        if tx.is_erased(&draft.person).await? {
            return Err(IntakeError::Fields(vec![FieldError::new("/to/id", ERASED)]));
        }
        let role = draft.update.role.unwrap_or(Role::Patient);
        let mut recipient = known.unwrap_or_else(|| Recipient::new(draft.person.clone(), role, now));
        recipient.apply(&draft.update);
        let consents = tx.consents(&recipient.id, recipient.phone.as_ref()).await?;
        let (message, payload) = self.message_of(draft, &recipient, caller.test, now)?;
        let sent = tx.recent_messages_of(&[(&recipient.id, message.id)], now - HISTORY).await?;
        let recent = sent.into_iter().flatten().map(past).collect();
        drop(tx);
        let variables = payload.variables.clone();
        let opened = Opened { payload: Some(payload), text: None, phone: None };
        let words = self.renderer.snapshot();
        let facts = Facts { recipient, opened, kind, words, consents, recent, verifying: None };

        let languages = if locales.is_empty() {
            let own = message.language.as_deref().unwrap_or_else(|| self.language_of(&facts.recipient));
            vec![own.to_owned()]
        } else {
            locales.to_vec()
        };
        let texts = languages.into_iter().map(|asked| {
            let message = Message { language: Some(asked.clone()), ..message.clone() };
            let rendered = self.render_text(&facts.words, &message, &facts.recipient, &variables, true);
            let rendered = rendered
                .map(|text| (text.text.clone(), self.text_facts(&text)))
                .map_err(|error| super::with_causes(&error));
            PreviewText { asked, rendered }
        });
        let texts = texts.collect();
        let own = self.render_text(&facts.words, &message, &facts.recipient, &variables, true);
        let own = own.map(|text| self.text_facts(&text)).map_err(|error| error.to_string());

        let decisions = self.judged_to_the_end(&message, &facts, &own).await?;
        let would_send_at = decisions.last().filter(|last| last.outcome == "send").map(|last| last.at);
        let first_hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now) + TimeDelta::hours(1);
        let mut hours = Vec::new();
        for hour in 0..HOURS {
            let at = first_hour + TimeDelta::hours(1) * hour;
            hours.push(self.judged(&message, &facts, &own, at).await?);
        }
        let time_zone = self.zone_of(&facts.recipient);
        Ok(Preview { message, time_zone, decisions, would_send_at, hours, texts })
    }

    /// What would be decided when the message is due, and again at the end of each deferral.
    async fn judged_to_the_end(
        &self,
        message: &Message,
        facts: &Facts,
        text: &Written,
    ) -> Result<Vec<Judged>, IntakeError> {
        let mut message = message.clone();
        let mut decisions: Vec<Judged> = Vec::new();
        for _ in 0..=self.policies.limits().deferrals {
            let judged = self.judged(&message, facts, text, message.due_at).await?;
            let (until, is_deferred) = (judged.until, judged.outcome == "defer");
            decisions.push(judged);
            let Some(until) = until else { break };
            message.due_at = until;
            message.deferrals += u32::from(is_deferred);
        }
        Ok(decisions)
    }

    async fn judged(
        &self,
        message: &Message,
        facts: &Facts,
        text: &Written,
        at: DateTime<Utc>,
    ) -> Result<Judged, IntakeError> {
        let message = Message { due_at: at, ..message.clone() };
        let (verdict, record) = self.judge(&message, facts, at).await?;
        let verdict = match verdict {
            Verdict::Send { why } => self.sendable(&message, facts, text, why, at).await?,
            other => other,
        };
        let (outcome, until, why) = match verdict {
            Verdict::Send { why } => ("send", None, why),
            Verdict::Defer { until, why } => ("defer", Some(until), why),
            Verdict::Suppress { cause } => ("suppress", None, cause),
            Verdict::Hold { cause } => ("hold", None, cause),
            Verdict::HoldUntil { cause, until } => ("hold", Some(until), cause),
            Verdict::Expire { cause } => ("expire", None, cause),
        };
        let answer = record.as_ref().and_then(|record| serde_json::from_slice(&record.answer).ok());
        Ok(Judged { at, outcome, until, why, by: record.map(|record| record.by), answer })
    }

    /// What is asked of a text that may go out before it does: that it can be written, and is paid for.
    async fn sendable(
        &self,
        message: &Message,
        facts: &Facts,
        text: &Written,
        why: Cause,
        at: DateTime<Utc>,
    ) -> Result<Verdict, IntakeError> {
        let text = match text {
            Ok(text) => text,
            Err(problem) => return Ok(Verdict::Hold { cause: Cause::new("not-rendered", problem) }),
        };
        let country = facts.recipient.phone.as_ref().and_then(|phone| phone.country());
        Ok(match self.fuse_before(message, country, text, at).await? {
            Some(blown) => Verdict::HoldUntil { cause: blown.cause(), until: blown.until },
            None => Verdict::Send { why },
        })
    }
}
