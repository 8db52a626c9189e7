//! Importing: the texts of a file, each under a name of its own, so that a file may be imported again
//! after a crash, or after its wrong lines were mended, and nothing is taken in twice.

use super::checks::FieldError;
use super::draft::PostedMessage;
use super::{Accepted, Caller, Host, HostError, IntakeError, NewKey};
use crate::clock::Chance;
use crate::domain::id::MessageId;
use crate::domain::recipient::{Recipient, Role};
use crate::store::{KeyMode, Store};
use chrono::{DateTime, Utc};

/// What a text would come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// What is billed.
    pub segments: u32,
    /// Estimate, in millionths of the currency.
    pub cost_micros: i64,
}

impl Caller {
    /// The one that imports on this machine. Its key opens nothing: nobody has seen it.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn importer(
        store: &Store,
        test: bool,
        now: DateTime<Utc>,
        chance: &Chance,
    ) -> Result<Self, HostError> {
        let (name, mode) =
            if test { ("tidings import, test", KeyMode::Test) } else { ("tidings import", KeyMode::Live) };
        let new = NewKey { name: name.to_owned(), mode, scopes: Vec::new(), expires_in: None };
        let prepared = new.prepare(&mut *chance.lock(), now);
        let known = async {
            let keys = store.read().await?.api_keys().await?;
            Ok::<_, HostError>(keys.into_iter().find(|key| key.name == name && key.scopes.is_empty()))
        };
        let key = if let Some(key) = known.await? {
            key.id
        } else {
            let id = prepared.id();
            prepared.keep(store).await?;
            id
        };
        Ok(Self { key, name: name.to_owned(), test, scopes: Vec::new() })
    }
}

impl Host {
    /// Commits one line of a file. `import` names the file, `line` the text in it: both again are the
    /// same text.
    ///
    /// # Errors
    ///
    /// As [`Host::accept_message`].
    pub async fn import(
        &self,
        caller: &Caller,
        import: &str,
        line: &str,
        posted: PostedMessage,
    ) -> Result<Accepted<MessageId>, IntakeError> {
        let key = format!("import:{import}:{line}");
        self.accept_bulk(caller, Some(&key), line.as_bytes(), posted).await
    }

    /// What a text would come to as things are now; nothing is kept, and no policy is asked.
    ///
    /// # Errors
    ///
    /// Fields are wrong, or the text cannot be rendered.
    pub async fn estimate(&self, posted: &PostedMessage) -> Result<Estimate, IntakeError> {
        let now = self.now();
        let draft = self.read_draft(posted.clone(), now)?;
        let known = self.store.look().await?.recipient(&draft.person).await?;
        let role = draft.update.role.unwrap_or(Role::Patient);
        let mut person = known.unwrap_or_else(|| Recipient::new(draft.person.clone(), role, now));
        person.apply(&draft.update);
        let (message, payload) = self.message_of(draft, &person, true, now)?;
        let words = self.renderer.snapshot();
        let rendered = self.render_text(&words, &message, &person, &payload.variables, false);
        let rendered = rendered.map_err(|error| {
            let detail = format!("the text cannot be rendered: {error}");
            IntakeError::Fields(vec![FieldError::new("/variables", detail)])
        })?;
        let facts = self.text_facts(&rendered);
        Ok(Estimate { segments: facts.segments, cost_micros: facts.cost_micros })
    }
}
