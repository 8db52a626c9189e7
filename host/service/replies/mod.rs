//! Replies: an inbound text is kept once, however often it is delivered. STOP, START and HELP come
//! before any policy; what else a text means is for the policy of the type that it seems to answer. A
//! request becomes an entry for the clinic's system; what is clear to nobody goes to staff.

mod answers;
mod keywords;
mod list;
mod policy;
mod visits;

pub use list::{ReplyEntry, ReplyFilter, ReplyPage};

use super::consents::said_by_phone;
use super::record::{About, Recorded};
use super::{Host, HostError};
use crate::domain::consent::{Choice, Consents};
use crate::domain::id::{MessageId, ReplyId, RequestId};
use crate::domain::keyword::Keyword;
use crate::domain::kind::TypeName;
use crate::domain::message::Message;
use crate::domain::phone::PhoneNumber;
use crate::domain::recipient::Recipient;
use crate::store::{NewConsent, NewRequest, OpenQuestion, Reply};
use answers::Answering;
use chrono::{DateTime, Utc};
use visits::{NUMBERS_REST, Visit};

/// The type of the text that confirms a STOP.
const STOPPED: &str = "reply-stopped";

/// How often a text is judged anew because another of the phone's was faster. Each time another one has been taken
/// in, and no phone sends so many at once.
const TRIES: u32 = 50;

/// A text that a phone sent us.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The provider's identifier.
    pub sid: String,
    /// Who wrote.
    pub from: PhoneNumber,
    /// What was written.
    pub text: String,
    /// What the provider took it for, and has answered already (Twilio: Advanced Opt-Out).
    pub answered: Option<Keyword>,
    /// Pictures and the like that came with it; they are not fetched.
    pub media: u32,
    /// It came through the sandbox.
    pub test: bool,
}

/// What is known when a text comes in.
struct Conversation {
    /// On a phone that several people share, the one who was written to last.
    person: Option<Recipient>,
    /// The newest text about a subject, if it went to one who still has the phone.
    newest: Option<Message>,
    /// It went to one who has another phone now: what comes back may answer for nobody.
    is_former: bool,
    /// Visits to come that the phone was asked about, the one asked about last first.
    visits: Vec<Visit>,
    /// We asked which visit was meant.
    question: Option<OpenQuestion>,
    /// A number came back to such a question within [`NUMBERS_REST`].
    chose_lately: bool,
    consents: Consents,
}

/// What a reply was taken to mean.
struct Meaning {
    word: &'static str,
    /// Stable, for staff; what a policy says beyond it may quote the reply, and stays in its decision.
    code: String,
    /// The message it answers, and the person whom that was for.
    answered: Option<(MessageId, String)>,
    record: Option<Recorded>,
    answer: Option<TypeName>,
    /// The language of the answer, where the word itself tells it.
    language: Option<String>,
    choice: Option<Choice>,
    /// It was said to the provider as well, which keeps a block of its own.
    held_by_provider: bool,
    /// What is asked of the clinic's system, about the message that is answered.
    request: Option<String>,
    /// The visits to choose from, in order.
    ask_which: Vec<Message>,
    /// It is a number that came back to the question which visit was meant.
    number: Option<Number>,
}

/// A number that came back to the question which visit was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// It chose: the question is answered.
    Chose,
    /// There is no such number, a slip of the finger: the question stays open.
    Slipped,
}

impl Meaning {
    fn plain(word: &'static str, code: &str) -> Self {
        Self {
            word,
            code: code.to_owned(),
            answered: None,
            record: None,
            answer: None,
            language: None,
            choice: None,
            held_by_provider: false,
            request: None,
            ask_which: Vec::new(),
            number: None,
        }
    }

    fn staff(code: &str) -> Self {
        Self::plain("hand_to_staff", code)
    }

    /// What was said stands; what the phone should have got back is for a person to give.
    fn handed_over(self, code: &str) -> Self {
        Self {
            word: "hand_to_staff",
            code: code.to_owned(),
            answer: None,
            request: None,
            ask_which: Vec::new(),
            ..self
        }
    }
}

impl Host {
    /// Takes in a text. `false` when it had been delivered before.
    ///
    /// # Errors
    ///
    /// The database failed, or others of the phone's were faster time and again. Twilio tries once more where its
    /// number has a fallback address or asks for it (`#rc`), and otherwise keeps the text in its list.
    pub async fn accept_reply(&self, inbound: &Inbound) -> Result<bool, HostError> {
        for _ in 0..TRIES {
            // What another reply has chosen meanwhile is not open any more: the text is judged anew, here and
            // now, because Twilio need not deliver again what was answered by an error.
            if let Some(is_new) = self.judge_reply(inbound).await? {
                return Ok(is_new);
            }
            // What the other has written is seen by a new look only once it is on the disk.
            self.store.settled().await?;
        }
        Err(HostError::Overtaken(TRIES))
    }

    /// Judges a text by what is known at this moment, and keeps what follows from it; `None` when that has
    /// changed under its hands.
    async fn judge_reply(&self, inbound: &Inbound) -> Result<Option<bool>, HostError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        if tx.reply_known(&inbound.sid).await? {
            return Ok(Some(false));
        }
        let newest = tx.newest_to_phone(&inbound.from, inbound.test).await?;
        let written_to = match &newest {
            Some(message) => tx.recipient(&message.recipient).await?,
            None => None,
        };
        let written_to = written_to.filter(|person| person.phone.as_ref() == Some(&inbound.from));
        // The number has another holder since, or none that is known.
        let is_former = newest.is_some() && written_to.is_none();
        let person = match written_to {
            Some(person) => Some(person),
            None => tx.recipients_by_phone(&inbound.from).await?.into_iter().next(),
        };
        let conversation = Conversation {
            visits: self.visits(&mut tx, &inbound.from, inbound.test, now).await?,
            question: tx.open_question(&inbound.from, inbound.test).await?,
            chose_lately: tx.number_came(&inbound.from, inbound.test, now - NUMBERS_REST).await?,
            consents: tx.consents("", Some(&inbound.from)).await?,
            person,
            newest: newest.filter(|_| !is_former),
            is_former,
        };
        drop(tx);
        let meaning = self.meaning(inbound, &conversation, now).await?;
        self.commit_reply(inbound, &conversation, meaning, now).await
    }

    async fn meaning(
        &self,
        inbound: &Inbound,
        conversation: &Conversation,
        now: DateTime<Utc>,
    ) -> Result<Meaning, HostError> {
        if let Some(keyword) = self.read_keyword(inbound, conversation) {
            if self.is_wish_too(&keyword, &inbound.text, conversation) {
                let visit = Box::pin(self.by_policy(&inbound.text, conversation, now)).await?;
                return Ok(Self::with_wish(&keyword, visit, conversation));
            }
            return Ok(self.by_keyword(&keyword, conversation));
        }
        if inbound.text.trim().is_empty() {
            return Ok(Meaning::staff(if inbound.media > 0 { "media" } else { "empty" }));
        }
        if let Some(meaning) = Box::pin(self.by_number(inbound, conversation, now)).await? {
            return Ok(meaning);
        }
        Box::pin(self.by_policy(&inbound.text, conversation, now)).await
    }

    async fn commit_reply(
        &self,
        inbound: &Inbound,
        conversation: &Conversation,
        meaning: Meaning,
        now: DateTime<Utc>,
    ) -> Result<Option<bool>, HostError> {
        let mut tx = self.store.begin().await?;
        let id = ReplyId::new(now, &mut *self.chance.lock());
        let answering = self.answer_to(&mut tx, inbound, conversation, &meaning, id, now).await?;
        let meaning = match &answering {
            Answering::Staff(code) => meaning.handed_over(code),
            Answering::Nothing | Answering::Text(_) => meaning,
        };
        let person = conversation.person.as_ref();
        let recipient = meaning.answered.as_ref().map(|(_, recipient)| recipient.as_str());
        let recipient = recipient.or(person.map(|person| person.id.as_str()));
        let message = meaning.answered.as_ref().map(|(message, _)| *message);
        let reply = Reply {
            id,
            sid: &inbound.sid,
            phone: &inbound.from,
            recipient,
            text: &inbound.text,
            message,
            meaning: meaning.word,
            reason_code: &meaning.code,
            media: inbound.media,
            test: inbound.test,
            received_at: now,
        };
        if !tx.insert_reply(&reply).await? {
            // Answered for as the first one is: once it is on the disk.
            tx.commit().await?;
            return Ok(Some(false));
        }
        self.announce_reply(&mut tx, &reply, inbound.test, now).await?;
        if let Some(question) = &conversation.question
            && meaning.number != Some(Number::Slipped)
        {
            let has_chosen = meaning.number == Some(Number::Chose);
            if !tx.close_question(question.id, now, has_chosen).await? && has_chosen {
                // Another reply has chosen meanwhile.
                return Ok(None);
            }
        }
        let choice = meaning.choice.filter(|_| !self.is_test_beside_live(inbound.test));
        if let Some(choice) = choice {
            let wording: String = inbound.text.trim().chars().take(200).collect();
            let said = said_by_phone(&inbound.from, recipient, choice, &wording, now);
            let said = NewConsent { held_by_provider: meaning.held_by_provider, ..said };
            self.hear_phone(&mut tx, &said, now).await?;
        }
        if let (Some(record), Some((message, recipient))) = (&meaning.record, &meaning.answered) {
            self.keep_decision(&mut tx, About::Message(*message), recipient, record, now).await?;
        }
        if let (Some(name), Some((message, recipient))) = (&meaning.request, &meaning.answered) {
            let id = RequestId::new(now, &mut *self.chance.lock());
            let request = NewRequest { id, reply: reply.id, message: *message, recipient, name, at: now };
            tx.insert_request(&request).await?;
            if let Some(message) = tx.message(*message).await? {
                self.announce_request(&mut tx, name, &message, reply.id, now).await?;
            }
        }
        if let Answering::Text(answer) = &answering {
            self.plan_answer(&mut tx, answer, inbound, id, now).await?;
        }
        tx.commit().await?;
        // From here on nothing is sent: every message is judged by the ledger at its moment. What waits
        // is ended at once, so that it need not wait for its moment to be explained.
        if choice == Some(Choice::OptOut) {
            self.suppress_to_phone(&inbound.from, now).await?;
        }
        tracing::info!(meaning = meaning.word, "a reply was taken in");
        self.wake();
        if let Some((message, _)) = &meaning.answered {
            self.ask_shadows_after(*message, meaning.record.as_ref(), now).await;
        }
        Ok(Some(true))
    }
}
