//! People who signed in elsewhere, and change what they want themselves.

use super::checks::FieldError;
use super::people::{PersonError, PostedPreferences};
use super::{Host, HostError};
use crate::domain::consent::{Binds, Choice, ConsentSource, Consents, Scope};
use crate::domain::id::ConsentId;
use crate::domain::kind::TypeName;
use crate::domain::recipient::Recipient;
use crate::outbound::{SignedIn, TokenError};
use crate::store::NewConsent;

/// What somebody who signed in wants to be changed; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct OwnWishes {
    /// Message types, on or off, and where each stands in the request.
    pub types: Vec<(&'static str, TypeName, bool)>,
    /// No texts at all, or texts again.
    pub opted_out: Option<bool>,
}

/// How the ledger knows.
const EVIDENCE: &str = "said by the person, signed in";

impl Host {
    /// Whom a token speaks for.
    ///
    /// # Errors
    ///
    /// It is not believed, or this host takes no sign-ins.
    pub async fn sign_in(&self, token: &str) -> Result<SignedIn, TokenError> {
        self.tokens.as_ref().ok_or(TokenError::Off)?.check(token, self.now()).await
    }

    /// Changes what the person wants: all of it, or nothing. What then may not be sent any more ends.
    ///
    /// # Errors
    ///
    /// A type is none of this host's, nobody is known by the id, the phone has said stop and this would undo
    /// it, somebody else was faster, or the database failed.
    pub async fn change_own(
        &self,
        id: &str,
        wishes: &OwnWishes,
    ) -> Result<(Recipient, Consents), PersonError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let mut person = tx.recipient(id).await?.ok_or(PersonError::Unknown)?;
        if tx.is_erased(id).await? {
            return Err(PersonError::Unknown);
        }
        let standing = tx.consents(id, person.phone.as_ref()).await?;
        let opts_out = wishes.opted_out == Some(true);
        if wishes.opted_out == Some(false) && standing.phone_stopped() {
            return Err(PersonError::Stopped);
        }

        let mut wrong = Vec::new();
        for (field, kind, _) in wishes.types.iter().filter(|(_, kind, _)| self.kind(kind).is_none()) {
            wrong.push(FieldError::new(
                format!("/{field}"),
                format!("stands for {kind}, which this host does not send"),
            ));
        }
        if !wrong.is_empty() {
            return Err(PersonError::Fields(wrong));
        }
        let types = wishes.types.iter().map(|(_, kind, wanted)| (kind.to_string(), *wanted)).collect();
        let before = person.preferences.clone();
        let posted = PostedPreferences { types, ..PostedPreferences::default() };
        self.apply_preferences("", &mut person.preferences, posted, &mut wrong);
        if person.preferences != before {
            person.updated_at = now;
            if !tx.update_recipient(&person).await? {
                return Err(PersonError::Changed);
            }
        }

        // A type that is wanted again is wanted again in the ledger, too.
        let of_types = wishes.types.iter().filter(|(.., wanted)| *wanted);
        let mut scopes: Vec<(Scope, Choice)> =
            of_types.map(|(_, kind, _)| (Scope::Type(kind.clone()), Choice::OptIn)).collect();
        if let Some(opted_out) = wishes.opted_out {
            scopes.push((Scope::All, if opted_out { Choice::OptOut } else { Choice::OptIn }));
        }
        for (scope, choice) in scopes {
            let is_out = standing.opt_outs().any(|out| out.binds == Binds::Recipient && out.scope == scope);
            if is_out == (choice == Choice::OptOut) {
                continue;
            }
            let line = NewConsent {
                id: ConsentId::new(now, &mut *self.chance.lock()),
                binds: Binds::Recipient,
                phone: person.phone.as_ref(),
                recipient: Some(id),
                scope: &scope,
                choice,
                source: ConsentSource::Form,
                held_by_provider: false,
                wording: None,
                evidence: Some(EVIDENCE),
                by: None,
                at: now,
            };
            tx.insert_consent(&line).await?;
        }
        tx.commit().await?;
        if opts_out {
            let mut tx = self.store.read().await.map_err(HostError::from)?;
            let unsent = tx.unsent_to_recipient(id).await?;
            drop(tx);
            self.suppress_refused(unsent, now).await?;
        }
        self.person_by_id(id).await
    }

    /// Whether the person would be sent texts of this type, as far as it is theirs to say but for stopping
    /// everything.
    #[must_use]
    pub fn is_wanted(&self, person: &Recipient, consents: &Consents, kind: &TypeName) -> bool {
        let group = self.group_of(kind);
        let is_out = consents.opt_outs().any(|out| out.scope != Scope::All && out.scope.covers(kind, &group));
        !person.preferences.switched_off.contains(kind.as_str()) && !is_out
    }
}
