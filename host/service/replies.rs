//! Replies: an inbound text is kept once, however often it is delivered. STOP, START and HELP come
//! before any policy; what else a text means is for the policy of the type that it seems to answer.

use super::consents::said_by_phone;
use super::context::{facts, message_facts, unix_ms};
use super::record::{About, Recorded};
use super::{Host, HostError};
use crate::domain::consent::Choice;
use crate::domain::id::{MessageId, ReplyId};
use crate::domain::keyword::{Keyword, keyword};
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message};
use crate::domain::phone::PhoneNumber;
use crate::domain::policy::{ReplyAction, ReplyQuestion};
use crate::domain::recipient::Recipient;
use crate::store::{Payload, Reply, Tx};
use chrono::{DateTime, TimeDelta, Utc};

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
    pub handled: Option<Keyword>,
    /// It came through the sandbox.
    pub test: bool,
}

/// What a reply was taken to mean.
struct Meaning {
    word: &'static str,
    /// Stable, for staff; what a policy says beyond it may quote the reply, and stays in its decision.
    code: String,
    answered: Option<MessageId>,
    record: Option<Recorded>,
    answer: Option<TypeName>,
    opt_out: bool,
}

impl Host {
    /// Takes in a text. `false` when it had been delivered before.
    ///
    /// # Errors
    ///
    /// The database failed; the provider should deliver it again.
    pub async fn accept_reply(&self, inbound: &Inbound) -> Result<bool, HostError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        if tx.reply_known(&inbound.sid).await? {
            return Ok(false);
        }
        let newest = tx.newest_to_phone(&inbound.from).await?;
        // On a phone that several people share, the one who was written to last.
        let person = match &newest {
            Some(message) => tx.recipient(&message.recipient).await?,
            None => tx.recipients_by_phone(&inbound.from).await?.into_iter().next(),
        };
        drop(tx);
        let meaning = match inbound.handled.or_else(|| keyword(&inbound.text)) {
            Some(word) => by_keyword(word, inbound.handled.is_some()),
            None => self.ask_meaning(inbound, person.as_ref(), newest, now).await?,
        };

        let mut tx = self.store.begin().await?;
        let reply = Reply {
            id: ReplyId::new(now, &mut *self.chance.lock()),
            sid: &inbound.sid,
            phone: &inbound.from,
            recipient: person.as_ref().map(|person| person.id.as_str()),
            text: &inbound.text,
            message: meaning.answered,
            meaning: meaning.word,
            reason_code: &meaning.code,
            received_at: now,
        };
        if !tx.insert_reply(&reply).await? {
            // Answered for as the first one is: once it is on the disk.
            tx.commit().await?;
            return Ok(false);
        }
        self.announce_reply(&mut tx, &reply, inbound.test, now).await?;
        if let Some(asked) = meaning.answered
            && let Some(message) = tx.message(asked).await?
        {
            self.announce_request(&mut tx, meaning.word, &message, reply.id, now).await?;
        }
        let recipient = person.as_ref().map(|person| person.id.as_str());
        let consent = match meaning.word {
            _ if meaning.opt_out => Some(Choice::OptOut),
            "start" => Some(Choice::OptIn),
            _ => None,
        };
        if let Some(choice) = consent {
            let wording: String = inbound.text.trim().chars().take(200).collect();
            let said = said_by_phone(&inbound.from, recipient, choice, &wording, now);
            self.hear_phone(&mut tx, &said, now).await?;
        }
        if let (Some(record), Some(message), Some(person)) = (&meaning.record, meaning.answered, &person) {
            self.keep_decision(&mut tx, About::Message(message), &person.id, record, now).await?;
        }
        if let (Some(kind), Some(person)) = (&meaning.answer, &person) {
            self.plan_answer(&mut tx, kind, person, inbound.test, now).await?;
        }
        tx.commit().await?;
        // From here on nothing is sent: every message is judged by the ledger at its moment. What waits
        // is ended at once, so that it need not wait for its moment to be explained.
        if meaning.opt_out {
            self.suppress_to_phone(&inbound.from, now).await?;
        }
        tracing::info!(meaning = meaning.word, "a reply was taken in");
        self.wake.notify_one();
        Ok(true)
    }

    async fn ask_meaning(
        &self,
        inbound: &Inbound,
        person: Option<&Recipient>,
        newest: Option<Message>,
        now: DateTime<Utc>,
    ) -> Result<Meaning, HostError> {
        let staff = |code: &str| Meaning::plain("hand_to_staff", code);
        let Some(person) = person else { return Ok(staff("unknown-phone")) };
        let Some(message) = newest else { return Ok(staff("answers-nothing")) };
        let mut tx = self.store.read().await?;
        let data = tx.open_message(message.id).await?.payload.map_or(serde_json::Value::Null, |p| p.data);
        let opted_out = tx.consents(&person.id, Some(&inbound.from)).await?.stop().is_some();
        drop(tx);
        let Some(policy) = self.policies.for_type(&message.kind) else {
            return Ok(staff("no-policy"));
        };
        let question = ReplyQuestion {
            now: unix_ms(now),
            received_at: unix_ms(now),
            who: self.person("who", person, opted_out, now),
            text: inbound.text.clone(),
            in_reply_to: Some(message_facts(&message)),
            clinic: self.clinic_facts(Some(&message.kind), now),
            facts: facts(&data),
        };
        let answered = match self.policies.on_reply(&policy, &question).await {
            Ok(answered) => answered,
            Err(fault) => {
                tracing::error!(message_id = %message.id, policy = %fault.policy, code = fault.code, "a policy did not answer");
                return Ok(Meaning { answered: Some(message.id), ..staff("policy-fault") });
            }
        };
        let (word, why, answer) = match &answered.answer {
            ReplyAction::Ignore { why } => ("ignore", why, None),
            ReplyAction::Answer { message_type, why } => ("answer", why, Some(message_type.clone())),
            ReplyAction::Request { name, why } => (request_word(name), why, None),
            ReplyAction::HandToStaff { why } | ReplyAction::Custom { why, .. } => {
                ("hand_to_staff", why, None)
            }
            ReplyAction::OptOut { why } => ("stop", why, Some(TypeName::from("reply-stopped"))),
        };
        let record = Recorded::new("on-reply", &question, &answered, word, why.into())?;
        Ok(Meaning {
            word,
            code: why.code.clone(),
            answered: Some(message.id),
            record: Some(record),
            answer,
            opt_out: word == "stop",
        })
    }

    /// An answer goes the way of every message: judged, rendered, recorded.
    async fn plan_answer(
        &self,
        tx: &mut Tx,
        kind: &TypeName,
        person: &Recipient,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let Some(kind) = self.kind(kind) else { return Ok(()) };
        let Ok(variables) =
            self.bind_variables(&kind, &serde_json::Value::Null, person, &serde_json::Map::new())
        else {
            tracing::error!(kind = %kind.name, "the answer's template needs variables that no reply gives");
            return Ok(());
        };
        let lifetime = TimeDelta::from_std(kind.expires_after).unwrap_or(TimeDelta::hours(1));
        let id = MessageId::new(now, &mut *self.chance.lock());
        let why = Cause::new("reply", "answers a text from the phone");
        let message = Message {
            lane: kind.lane,
            priority: kind.priority,
            expires_at: now + lifetime,
            ..Message::new(id, kind.name, person.id.clone(), why, test, now)
        };
        tx.insert_message(&message, &Payload { variables, data: serde_json::Value::Null }).await?;
        Ok(())
    }
}

impl Meaning {
    fn plain(word: &'static str, code: &str) -> Self {
        Self { word, code: code.to_owned(), answered: None, record: None, answer: None, opt_out: false }
    }
}

/// `handled`: the provider has answered already, and a second answer would be one too many.
fn by_keyword(word: Keyword, handled: bool) -> Meaning {
    let (name, answer) = match word {
        Keyword::Stop => ("stop", "reply-stopped"),
        Keyword::Start => ("start", "reply-started"),
        Keyword::Help => ("help", "reply-help"),
    };
    Meaning {
        answer: (!handled).then(|| TypeName::from(answer)),
        opt_out: word == Keyword::Stop,
        ..Meaning::plain(name, "keyword")
    }
}

fn request_word(name: &str) -> &'static str {
    match name {
        "confirm" => "confirm",
        "cancel" => "cancel",
        "reschedule" => "reschedule",
        _ => "request",
    }
}
