//! The consent ledger, as people and other systems write in it and read it. What a phone has said by a
//! text is undone by that phone alone, and what a person said themselves by that person.

use super::checks::FieldError;
use super::judge::{SERVICE, opted_out};
use super::people::PersonError;
use super::{Host, HostError};
use crate::domain::consent::{Binds, Choice, ConsentSource, Scope, Standing};
use crate::domain::id::ConsentId;
use crate::domain::keyword::provider_restarts;
use crate::domain::kind::TypeName;
use crate::domain::message::Message;
use crate::domain::phone::PhoneNumber;
use crate::store::{ConsentLine, NewConsent, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// What somebody agreed to or took back, as it is posted.
#[derive(Clone, Debug)]
pub struct PostedConsent {
    /// Agreed, or taken back.
    pub choice: Choice,
    /// `all`, `group:appointments`, `type:payment-reminder`.
    pub scope: String,
    /// How it is known.
    pub source: ConsentSource,
    /// What was said or agreed to, word for word.
    pub wording: Option<String>,
    /// Where the proof is; an agreement needs it.
    pub evidence: Option<String>,
    /// Who wrote it down.
    pub by: Option<String>,
    /// When it was said; now when left out.
    pub at: Option<DateTime<Utc>>,
}

/// A phone that said stop to another system.
#[derive(Clone, Debug)]
pub struct PostedOptOut {
    /// In any common spelling.
    pub phone: String,
    /// ISO 3166 alpha-2, for a national spelling.
    pub region: Option<String>,
    /// When it was said; now when left out.
    pub at: Option<DateTime<Utc>>,
}

/// A page of the ledger.
#[derive(Clone, Debug)]
pub struct ConsentPage {
    /// The newest first.
    pub lines: Vec<ConsentLine>,
    /// More follow after the last one.
    pub more: bool,
}

impl ConsentPage {
    /// Of one line more than the page holds.
    fn of(mut lines: Vec<ConsentLine>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = lines.len() > limit;
        lines.truncate(limit);
        Self { lines, more }
    }
}

/// Longest wording or evidence, in characters.
const LONGEST: usize = 2000;

impl Host {
    /// Writes down what a person agreed to or took back; what then may not be sent any more ends.
    ///
    /// # Errors
    ///
    /// Fields are wrong, nobody is known by the id, the phone or the person themselves has said stop and this
    /// would undo it, or the database failed.
    pub async fn consent(&self, id: &str, posted: &PostedConsent) -> Result<ConsentLine, PersonError> {
        let now = self.now();
        let scope = self.check_consent(posted, now)?;
        let mut tx = self.store.begin().await?;
        let person = tx.recipient(id).await?.ok_or(PersonError::Unknown)?;
        if tx.is_erased(id).await? {
            return Err(PersonError::Unknown);
        }
        let standing = tx.consents(id, person.phone.as_ref()).await?;
        if posted.choice == Choice::OptIn && standing.phone_stopped() {
            return Err(PersonError::Stopped);
        }
        let at = posted.at.map_or(now, |at| at.min(now));
        // Whoever writes it down for them: their own word is undone by them.
        let is_theirs = posted.source == ConsentSource::Form;
        if posted.choice == Choice::OptIn && !is_theirs {
            let undoes = |said: &Standing| {
                said.choice == Choice::OptOut && said.at < at && self.is_within(&scope, &said.scope)
            };
            if tx.own_words(id).await?.iter().any(undoes) {
                return Err(PersonError::OptedOut);
            }
        }
        let line = NewConsent {
            id: ConsentId::new(now, &mut *self.chance.lock()),
            binds: Binds::Recipient,
            phone: person.phone.as_ref(),
            recipient: Some(id),
            scope: &scope,
            choice: posted.choice,
            source: posted.source,
            held_by_provider: false,
            wording: posted.wording.as_deref(),
            evidence: posted.evidence.as_deref(),
            by: posted.by.as_deref(),
            at,
        };
        tx.insert_consent(&line).await?;
        let written = tx.consent_line(line.id).await?;
        tx.commit().await?;
        if posted.choice == Choice::OptOut {
            let mut tx = self.store.read().await.map_err(HostError::from)?;
            let unsent = tx.unsent_to_recipient(id).await?;
            drop(tx);
            self.suppress_refused(unsent, now).await?;
        }
        let vanished = || PersonError::from(HostError::from(vanished()));
        written.ok_or_else(vanished)
    }

    /// Whether everything that a scope is about is also in another.
    fn is_within(&self, scope: &Scope, other: &Scope) -> bool {
        match (scope, other) {
            (_, Scope::All) => true,
            (Scope::Type(kind), Scope::Group(group)) => self.group_of(kind) == *group,
            (Scope::All | Scope::Group(_) | Scope::Type(_), Scope::Group(_) | Scope::Type(_)) => {
                scope == other
            }
        }
    }

    fn check_consent(&self, posted: &PostedConsent, now: DateTime<Utc>) -> Result<Scope, PersonError> {
        let mut wrong = Vec::new();
        let scope: Option<Scope> = posted
            .scope
            .parse()
            .map_err(|error: crate::domain::consent::ScopeError| {
                wrong.push(FieldError::new("/scope", error.to_string()));
            })
            .ok();
        let groups = || self.renderer.snapshot().kinds().map(|kind| kind.scope.clone()).collect::<Vec<_>>();
        match &scope {
            Some(Scope::Group(name)) if *name == SERVICE || !groups().contains(name) => {
                let mut known = groups();
                known.retain(|group| group != SERVICE);
                known.sort();
                known.dedup();
                let known = known.join(", ");
                wrong.push(FieldError::new("/scope", format!("names no group of this host; it has {known}")));
            }
            Some(Scope::Type(name)) if self.kind(name).is_none() => {
                let known = self.kind_names().join(", ");
                wrong.push(FieldError::new(
                    "/scope",
                    format!("names no message type of this host; it has {known}"),
                ));
            }
            Some(Scope::All | Scope::Group(_) | Scope::Type(_)) | None => {}
        }
        if matches!(posted.source, ConsentSource::Reply | ConsentSource::Provider) {
            let detail = "is no source that can be posted; expected form, staff or import";
            wrong.push(FieldError::new("/source", detail));
        }
        let is_blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        if posted.choice == Choice::OptIn && is_blank(&posted.evidence) {
            wrong.push(FieldError::new("/evidence", "is needed for an agreement: say where the proof is"));
        }
        for (pointer, text) in
            [("/wording", &posted.wording), ("/evidence", &posted.evidence), ("/by", &posted.by)]
        {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST) {
                wrong.push(FieldError::new(pointer, format!("is longer than {LONGEST} characters")));
            }
        }
        check_past("/at", posted.at, now, &mut wrong);
        match scope {
            Some(scope) if wrong.is_empty() => Ok(scope),
            _ => Err(PersonError::Fields(wrong)),
        }
    }

    /// What is written in the ledger about a person and their phone, the newest first.
    ///
    /// # Errors
    ///
    /// Nobody is known by the id, or the database failed.
    pub async fn consents_of(
        &self,
        id: &str,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<ConsentPage, PersonError> {
        let mut tx = self.store.read().await?;
        let person = tx.recipient(id).await?.ok_or(PersonError::Unknown)?;
        if tx.is_erased(id).await? {
            return Err(PersonError::Unknown);
        }
        let lines = tx.consent_lines(id, person.phone.as_ref(), after, limit.saturating_add(1)).await?;
        Ok(ConsentPage::of(lines, limit))
    }

    /// Everything that was taken back and holds, the newest first.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn opt_outs(
        &self,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<ConsentPage, HostError> {
        let mut tx = self.store.read().await?;
        Ok(ConsentPage::of(tx.opt_outs(after, limit.saturating_add(1)).await?, limit))
    }

    /// Takes over phones that said stop to another system: all of them, or none.
    ///
    /// # Errors
    ///
    /// Fields are wrong, or the database failed.
    pub async fn import_opt_outs(&self, posted: &[PostedOptOut]) -> Result<usize, PersonError> {
        let now = self.now();
        let mut wrong = Vec::new();
        let mut phones = Vec::new();
        for (index, opt_out) in posted.iter().enumerate() {
            let region = opt_out.region.as_deref().or(self.settings.clinic.region.as_deref());
            match PhoneNumber::parse(&opt_out.phone, region) {
                Ok(phone) => phones.push((phone, opt_out.at.map_or(now, |at| at.min(now)))),
                Err(error) => {
                    wrong.push(FieldError::new(format!("/items/{index}/phone"), error.to_string()));
                }
            }
            check_past(&format!("/items/{index}/at"), opt_out.at, now, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(PersonError::Fields(wrong));
        }
        let mut tx = self.store.begin().await?;
        for (phone, at) in &phones {
            let line = NewConsent {
                id: ConsentId::new(now, &mut *self.chance.lock()),
                source: ConsentSource::Import,
                ..said_by_phone(phone, None, Choice::OptOut, "", *at)
            };
            tx.insert_consent(&line).await?;
        }
        tx.commit().await?;
        for (phone, _) in &phones {
            self.suppress_to_phone(phone, now).await?;
        }
        Ok(phones.len())
    }

    /// Every queued text for the phone that may not be sent any more ends, also one that is claimed: its
    /// intent will find that the row has changed.
    pub(super) async fn suppress_to_phone(
        &self,
        phone: &PhoneNumber,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let unsent = tx.unsent_to_phone(phone).await?;
        drop(tx);
        self.suppress_refused(unsent, now).await
    }

    /// Ends those of the messages that their recipient refuses. Should this not come to its end, nothing is
    /// sent all the same: every message is judged by the ledger at its moment.
    pub(super) async fn suppress_refused(
        &self,
        unsent: Vec<Message>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        for message in unsent {
            let group = self.group_of(&message.kind);
            // The answer to STOP itself is what the law asks for.
            if group == SERVICE {
                continue;
            }
            let mut tx = self.store.read().await?;
            let Some(person) = tx.recipient(&message.recipient).await? else { continue };
            let consents = tx.consents(&person.id, person.phone.as_ref()).await?;
            drop(tx);
            let Some(standing) = consents.against(&message.kind, &group) else { continue };
            let cause = opted_out(standing);
            let mut after = message.clone();
            after.state = after.state.suppress(cause.clone())?;
            self.move_unless_lost(&message, after, cause, now).await?;
        }
        Ok(())
    }

    /// The group that a message type belongs to; empty for one that is not loaded.
    pub(super) fn group_of(&self, kind: &TypeName) -> String {
        self.kind(kind).map_or_else(String::new, |kind| kind.scope)
    }

    /// Writes down what a phone has said, for everybody who uses it. One whose own phone it is takes back by
    /// START also what they had said otherwise; a word that is START to the provider alone is about the
    /// provider's block and nothing else.
    pub(super) async fn hear_phone(
        &self,
        tx: &mut Tx,
        said: &NewConsent<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let new_id = || ConsentId::new(now, &mut *self.chance.lock());
        tx.insert_consent(&NewConsent { id: new_id(), ..*said }).await?;
        let (Choice::OptIn, Some(phone)) = (said.choice, said.phone) else { return Ok(()) };
        if said.wording.is_some_and(provider_restarts) {
            return Ok(());
        }
        if let [person] = tx.recipients_by_phone(phone).await?.as_slice()
            && tx.consents(&person.id, Some(phone)).await?.recipient_stopped()
        {
            let own =
                NewConsent { id: new_id(), binds: Binds::Recipient, recipient: Some(&person.id), ..*said };
            tx.insert_consent(&own).await?;
        }
        Ok(())
    }
}

/// A line about a phone and every text; its id is still to be given.
pub(super) fn said_by_phone<'a>(
    phone: &'a PhoneNumber,
    recipient: Option<&'a str>,
    choice: Choice,
    wording: &'a str,
    at: DateTime<Utc>,
) -> NewConsent<'a> {
    NewConsent {
        id: ConsentId(Uuid::nil()),
        binds: Binds::Phone,
        phone: Some(phone),
        recipient,
        scope: &Scope::All,
        choice,
        source: ConsentSource::Reply,
        held_by_provider: false,
        wording: (!wording.is_empty()).then_some(wording),
        evidence: None,
        by: None,
        at,
    }
}

fn check_past(pointer: &str, at: Option<DateTime<Utc>>, now: DateTime<Utc>, wrong: &mut Vec<FieldError>) {
    // A minute of grace for a caller whose clock is ahead.
    if at.is_some_and(|at| at > now + TimeDelta::minutes(1)) {
        wrong.push(FieldError::new(pointer, "is in the future"));
    }
}

fn vanished() -> crate::store::StoreError {
    let problem = "a new line that is not there".to_owned();
    crate::store::StoreError::Inconsistent { table: "consents", id: "a new row".to_owned(), problem }
}
