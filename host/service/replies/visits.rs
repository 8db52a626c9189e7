//! Visits that a phone was asked about: a reply is about the one whose question is still open. Where
//! several are, nobody guesses: the phone is asked which one, by number.

use super::super::{Host, HostError};
use super::{Conversation, Inbound, Meaning, Number};
use crate::domain::event::Subject;
use crate::domain::id::MessageId;
use crate::domain::keyword::bare;
use crate::domain::message::Message;
use crate::domain::phone::PhoneNumber;
use crate::domain::recipient::Recipient;
use crate::store::{OpenQuestion, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

/// How long a number that comes back is taken for an answer to the question which visit was meant.
const QUESTION_LIFE: TimeDelta = TimeDelta::hours(24);

/// So long after a number has answered it, no other number is taken for a word about a visit: it may have
/// been typed twice, and `1` would confirm another visit than the one that was meant.
pub(super) const NUMBERS_REST: TimeDelta = TimeDelta::hours(1);

/// More visits than fit into one question are for a person to sort out.
pub(super) const MOST_OPTIONS: usize = 4;

/// A visit to come that the phone was asked about.
pub(super) struct Visit {
    /// The newest text about it.
    pub(super) message: Message,
    /// Whom it was for.
    pub(super) person: Recipient,
    /// What the texts about it ask for.
    asks: BTreeSet<String>,
    /// Something was asked of the clinic since the newest text.
    answered: bool,
}

impl Host {
    /// The visits to come that this phone was asked about, the one asked about last first.
    pub(super) async fn visits(
        &self,
        tx: &mut Tx,
        phone: &PhoneNumber,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Vec<Visit>, HostError> {
        let mut visits: Vec<Visit> = Vec::new();
        for message in tx.asked_of_phone(phone, test, now).await? {
            let asks = self.kind(&message.kind).map(|kind| kind.asks).unwrap_or_default();
            let Some(subject) = message.subject.clone().filter(|_| !asks.is_empty()) else { continue };
            let is_same = |visit: &&mut Visit| {
                visit.person.id == message.recipient
                    && visit.message.subject.as_ref().is_some_and(|known| is_same_subject(known, &subject))
            };
            if let Some(visit) = visits.iter_mut().find(is_same) {
                visit.asks.extend(asks);
                continue;
            }
            let Some(person) = tx.recipient(&message.recipient).await? else { continue };
            // Their number has changed since: whoever writes from this one does not speak for them.
            if person.phone.as_ref() != Some(phone) {
                continue;
            }
            let answered_at = tx.newest_request(&subject, &person.id, test).await?;
            let sent_at = message.sent_at.unwrap_or(message.updated_at);
            let answered = answered_at.is_some_and(|at| at >= sent_at);
            visits.push(Visit { message, person, asks, answered });
        }
        Ok(visits)
    }

    /// A number that answers our question which visit was meant; what was said first is then said about it.
    pub(super) async fn by_number(
        &self,
        inbound: &Inbound,
        conversation: &Conversation,
        now: DateTime<Utc>,
    ) -> Result<Option<Meaning>, HostError> {
        let Ok(number) = bare(&inbound.text).parse::<usize>() else { return Ok(None) };
        // A text that asked something else since takes the question's place.
        let newest = conversation.visits.first().map(|visit| &visit.message);
        let is_open = |question: &&OpenQuestion| {
            now - question.asked_at <= QUESTION_LIFE
                && newest.is_none_or(|message| message.sent_at.is_none_or(|at| at <= question.asked_at))
        };
        let Some(question) = conversation.question.as_ref().filter(is_open) else {
            return Ok(conversation.chose_lately.then(|| Meaning::staff("no-open-question")));
        };
        let Some(chosen) = number.checked_sub(1).and_then(|place| question.options.get(place)) else {
            return Ok(Some(Meaning { number: Some(Number::Slipped), ..Meaning::staff("no-such-number") }));
        };
        let meaning = self.chosen(*chosen, question, conversation, now).await?;
        Ok(Some(Meaning { number: Some(Number::Chose), ..meaning }))
    }

    async fn chosen(
        &self,
        chosen: MessageId,
        question: &OpenQuestion,
        conversation: &Conversation,
        now: DateTime<Utc>,
    ) -> Result<Meaning, HostError> {
        let Some(visit) = conversation.visits.iter().find(|visit| visit.message.id == chosen) else {
            // The visit has moved, passed or got a newer text meanwhile.
            return Ok(Meaning::staff("visit-changed"));
        };
        let mut tx = self.store.read().await?;
        let said = tx.reply_text(question.reply).await?;
        drop(tx);
        let Some(said) = said else { return Ok(Meaning::staff("forgotten")) };
        let asked = self.ask(&said, &visit.message, &visit.person, conversation, now).await?;
        let code = if asked.request.is_some() { "chosen".to_owned() } else { asked.code };
        Ok(Meaning { code, ..asked })
    }
}

impl Conversation {
    /// A visit was asked about, and nothing was said about it yet.
    pub(super) fn is_asked(&self) -> bool {
        self.visits.iter().any(|visit| !visit.answered)
    }

    /// The visits that a wish may be about: those whose question is open, and of them those that were asked
    /// for just this, where there are any.
    pub(super) fn meant(&self, wish: &str) -> Vec<&Visit> {
        let open: Vec<&Visit> = self.visits.iter().filter(|visit| !visit.answered).collect();
        let open = if open.is_empty() { self.visits.iter().collect() } else { open };
        let asked: Vec<&Visit> = open.iter().copied().filter(|visit| visit.asks.contains(wish)).collect();
        if asked.is_empty() { open } else { asked }
    }
}

/// In the order of their days, if there are few enough and each is at a time of its own.
pub(super) fn options(meant: &[&Visit]) -> Result<Vec<Message>, &'static str> {
    let mut options: Vec<Message> = meant.iter().map(|visit| visit.message.clone()).collect();
    options.sort_by_key(|message| (message.occurrence, message.id));
    if options.len() > MOST_OPTIONS {
        Err("too-many-visits")
    } else if options.windows(2).any(|two| two[0].occurrence == two[1].occurrence) {
        Err("visits-at-one-time")
    } else {
        Ok(options)
    }
}

fn is_same_subject(a: &Subject, b: &Subject) -> bool {
    a.subject_type == b.subject_type && a.id == b.id
}
