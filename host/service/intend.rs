//! Intents: a host commits itself to a call before it makes it. The decision, the attempt and the
//! message's new state are one commit, which intents that are ready at the same time share.

use super::fuses::{Blown, Meter};
use super::judge::Facts;
use super::record::{About, Recorded};
use super::senders::waits_its_turn;
use super::together::or_alone;
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::id::AttemptId;
use crate::domain::message::{Cause, Message};
use crate::domain::pace::Rate;
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use crate::store::{Change, Counting, Move, NewAttempt, NewLink, Tx};
use crate::twilio::Sender;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a message was judged by, and must still be so when the call is committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// The recipient's version.
    pub(super) version: i64,
    /// The texts that were committed to before.
    pub(super) texts: i64,
    /// The lines of the consent ledger about the recipient and the phone: lines are only ever added.
    pub(super) consent_lines: i64,
}

impl Judged {
    pub(super) fn by(facts: &Facts) -> Self {
        let Facts { recipient, consents, .. } = facts;
        Self { version: recipient.version, texts: recipient.texts, consent_lines: consents.lines }
    }
}

/// A call that is about to be made.
pub(super) struct Intent {
    pub(super) id: AttemptId,
    pub(super) judged: Judged,
    /// As it was claimed.
    pub(super) before: Message,
    /// As it is while the call is out.
    pub(super) sending: Message,
    pub(super) phone: PhoneNumber,
    pub(super) sender: Sender,
    /// As fast as the sender may be.
    pub(super) rate: Option<Rate>,
    /// Whether it takes a turn of its sender.
    pub(super) is_paced: bool,
    /// As it goes out; only a keyed hash of it is kept.
    pub(super) text: Secret,
    /// The text as it is kept: without its secrets.
    pub(super) kept: String,
    /// The short links in it.
    pub(super) links: Vec<NewLink>,
    pub(super) record: Option<Recorded>,
    pub(super) why: Cause,
    pub(super) at: DateTime<Utc>,
}

impl Intent {
    fn take(&self, meter: &mut Meter) -> Result<(), Blown> {
        match &self.sending.text {
            Some(text) => meter.take(&self.before, self.phone.country(), text),
            None => Ok(()),
        }
    }

    /// How its person is counted. What is urgent waits for no other text, and is judged by none.
    fn counting(&self) -> Counting<'_> {
        Counting {
            person: &self.before.recipient,
            version: self.judged.version,
            texts: (!self.before.lane.is_urgent()).then_some(self.judged.texts),
            more: 1,
        }
    }
}

/// The people of one unit of work, and how many texts each gets in it.
#[derive(Default)]
struct People<'a>(BTreeMap<&'a str, Counting<'a>>);

impl<'a> People<'a> {
    /// Whether a text may go out with those that are counted. One that was judged by what its person was sent
    /// before may not, when another of them goes out.
    fn may_join(&self, intent: &Intent) -> bool {
        let new = intent.counting();
        self.0
            .get(new.person)
            .is_none_or(|known| new.texts.is_none() && *known == (Counting { more: known.more, ..new }))
    }

    fn join(&mut self, intent: &'a Intent) {
        let new = intent.counting();
        self.0.entry(new.person).and_modify(|known| known.more += 1).or_insert(new);
    }
}

/// A claimed message on its way back to its place.
pub(super) struct PutBack {
    before: Message,
    again: Message,
    change: Change<'static>,
}

/// What became of an intent.
pub(super) enum Intended {
    /// The call may be made; the message as it stands now.
    Committed(Box<Message>),
    /// It is back in its place: the recipient was changed or sent another text while the message was judged, or
    /// its sender is busy.
    PutBack,
    /// Texts that were ready at the same time have used up a budget.
    Held,
}

impl Host {
    /// Commits to a call.
    pub(super) async fn intend(&self, intent: Intent) -> Result<Intended, HostError> {
        self.crash_at(Point::Judged).await;
        let intent = Arc::new(intent);
        let work = |intents| {
            let host = self.clone();
            async move { host.intend_together(intents).await }
        };
        match Box::pin(self.intending.ask(intent.clone(), work)).await {
            Some(sending) => Ok(Intended::Committed(Box::new(sending))),
            None => self.intend_alone(&intent).await,
        }
    }

    /// Answers each intent in its place; `None`: it must be committed alone.
    async fn intend_together(&self, intents: Vec<Arc<Intent>>) -> Vec<Option<Message>> {
        or_alone(self.try_intend_together(&intents).await, intents.len())
    }

    async fn try_intend_together(&self, intents: &[Arc<Intent>]) -> Result<Vec<Option<Message>>, HostError> {
        let mut tx = self.store.begin().await?;
        let recipients: Vec<&str> = intents.iter().map(|intent| intent.before.recipient.as_str()).collect();
        let about: Vec<(&str, &PhoneNumber)> =
            recipients.iter().copied().zip(intents.iter().map(|intent| &intent.phone)).collect();
        let consent_lines = tx.count_consent_lines(&about).await?;
        let mut meters: [Option<Meter>; 2] = [None, None];
        let mut fits = Vec::with_capacity(intents.len());
        for (intent, consent_lines) in intents.iter().zip(consent_lines) {
            let meter = match &mut meters[usize::from(intent.before.test)] {
                Some(meter) => meter,
                none => none.insert(self.meter(&mut tx, intent.before.test, intent.at).await?),
            };
            fits.push(intent.judged.consent_lines == consent_lines && intent.take(meter).is_ok());
        }
        let mut taking = self.take_turns(&mut tx, intents.iter().map(Arc::as_ref)).await?;
        // Budgets and senders before people: nobody who holds a person waits for them.
        let mut people = People::default();
        for (intent, fits) in intents.iter().zip(&mut fits) {
            *fits = *fits && people.may_join(intent) && taking.take(intent);
            if *fits {
                people.join(intent);
            }
        }
        self.keep_turns(&mut tx, &taking).await?;
        let counted = tx.count_texts(&people.0.into_values().collect::<Vec<_>>()).await?;
        let is_sent = |(intent, fits): (&Arc<Intent>, bool)| {
            (fits && counted.contains(&intent.before.recipient)).then(|| intent.sending.clone())
        };
        let mut sending: Vec<Option<Message>> = intents.iter().zip(fits).map(is_sent).collect();
        let mut moves = Vec::with_capacity(intents.len());
        for (intent, after) in intents.iter().zip(&mut sending) {
            if let Some(after) = after {
                self.keep_intent(&mut tx, intent, intent.at).await?;
                moves.push(Move { before: &intent.before, after, change: self.change(intent) });
            }
        }
        tx.move_messages(&mut moves).await?;
        drop(moves);
        self.crash_at(Point::IntentUncommitted).await;
        tx.commit().await?;
        self.turns_taken(taking);
        Ok(sending)
    }

    async fn intend_alone(&self, intent: &Intent) -> Result<Intended, HostError> {
        let message = &intent.before;
        let mut tx = self.store.begin().await?;
        // What was judged must still be so at the moment of sending.
        let version = tx.recipient(&message.recipient).await?.map(|recipient| recipient.version);
        let consent_lines = tx.consents(&message.recipient, Some(&intent.phone)).await?.lines;
        if (version, consent_lines) != (Some(intent.judged.version), intent.judged.consent_lines) {
            drop(tx);
            return self.judge_again(intent).await;
        }
        let mut meter = self.meter(&mut tx, message.test, intent.at).await?;
        if let Err(blown) = intent.take(&mut meter) {
            drop(tx);
            let verdict = self.blow(&blown, message.test, intent.at).await?;
            self.conclude(message.clone(), verdict, intent.record.clone(), intent.at).await?;
            return Ok(Intended::Held);
        }
        let mut taking = self.take_turns(&mut tx, std::iter::once(intent)).await?;
        if !taking.take(intent) {
            drop(tx);
            self.turns_taken(taking);
            let at = self.next_turn(message, intent.sender.as_str(), self.now());
            self.put_back(message, at, waits_its_turn(), intent.at).await?;
            return Ok(Intended::PutBack);
        }
        self.keep_turns(&mut tx, &taking).await?;
        if tx.count_texts(&[intent.counting()]).await?.is_empty() {
            drop(tx);
            return self.judge_again(intent).await;
        }
        self.keep_intent(&mut tx, intent, intent.at).await?;
        let mut sending = intent.sending.clone();
        tx.move_message(message, &mut sending, &self.change(intent)).await?;
        self.crash_at(Point::IntentUncommitted).await;
        tx.commit().await?;
        self.turns_taken(taking);
        Ok(Intended::Committed(Box::new(sending)))
    }

    /// What was judged is not so any more.
    async fn judge_again(&self, intent: &Intent) -> Result<Intended, HostError> {
        let note = Cause::new(
            "judged-again",
            "the recipient was changed, or sent another text, while the message was judged",
        );
        self.put_back(&intent.before, intent.at, note, intent.at).await?;
        Ok(Intended::PutBack)
    }

    /// A call that may have been made by a host whose records are lost: it is looked up as one whose outcome
    /// was not seen.
    pub(super) async fn doubt_intent(&self, intent: &Intent, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        self.keep_intent(&mut tx, intent, now).await?;
        let mut after = intent.sending.clone();
        let change = Change { at: now, ..self.change(intent) };
        tx.move_message(&intent.before, &mut after, &change).await?;
        Ok(tx.commit().await?)
    }

    /// A claimed message goes back to its place, with others that do so at the same time.
    pub(super) async fn put_back(
        &self,
        message: &Message,
        at: DateTime<Utc>,
        note: Cause,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let state = message.state.clone().plan_again()?;
        let again = Message { state, due_at: at.min(message.expires_at), ..message.clone() };
        let change = Change::noted(note, Some(self.id), now);
        let back = Arc::new(PutBack { before: message.clone(), again, change });
        let work = |together: Vec<Arc<PutBack>>| {
            let host = self.clone();
            async move {
                let is_done = host.write_back(&together).await.is_ok();
                vec![is_done; together.len()]
            }
        };
        if Box::pin(self.putting_back.ask(back.clone(), work)).await {
            return Ok(());
        }
        self.write_back(&[back]).await
    }

    async fn write_back(&self, together: &[Arc<PutBack>]) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        let mut after: Vec<Message> = together.iter().map(|back| back.again.clone()).collect();
        let pairs = together.iter().zip(&mut after);
        let mut moves: Vec<Move<'_>> = pairs
            .map(|(back, after)| Move { before: &back.before, after, change: back.change.clone() })
            .collect();
        tx.move_messages(&mut moves).await?;
        Ok(tx.commit().await?)
    }

    async fn keep_intent(
        &self,
        tx: &mut Tx,
        intent: &Intent,
        decided_at: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let message = &intent.before;
        tx.insert_attempt(&NewAttempt {
            id: intent.id,
            message: message.id,
            host: self.id,
            sender: intent.sender.as_str(),
            body: intent.text.expose(),
            intent_at: intent.at,
        });
        for link in &intent.links {
            tx.insert_link(link).await?;
        }
        if let Some(record) = &intent.record {
            self.keep_decision(tx, About::Message(message.id), &message.recipient, record, decided_at)
                .await?;
        }
        Ok(())
    }

    fn change<'a>(&self, intent: &'a Intent) -> Change<'a> {
        let noted = Change::noted(intent.why.clone(), Some(self.id), intent.at);
        Change { text: Some(&intent.kept), phone: Some(&intent.phone), ..noted }
    }
}
