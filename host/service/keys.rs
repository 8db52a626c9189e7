//! API keys: made, checked, taken back. A key is shown once; the database keeps its SHA-256. The key
//! itself is 160 random bits, so a plain hash is enough: there is nothing to guess.

use super::together::Alone;
use super::{Host, HostError, SCOPES};
use crate::domain::id::KeyId;
use crate::domain::secret::Secret;
use crate::store::{ApiKey, KeyMode, Store};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt as _};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Their key.
    pub key: KeyId,
    /// Its name, for logs.
    pub name: String,
    /// Whether it reaches the sandbox only.
    pub test: bool,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// The key does not open anything: wrong, expired and revoked keys are answered alike.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefused {
    /// There is no such key, or not any more.
    #[error("the API key is not valid")]
    Invalid,
    /// A test key on a host without the sandbox, or a live one without an account.
    #[error("{0}")]
    WrongMode(&'static str),
    /// The database did not answer.
    #[error("the key could not be checked")]
    Host(#[from] HostError),
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// What it may reach.
    pub mode: KeyMode,
    /// What it may do.
    pub scopes: Vec<String>,
    /// How long it lives; for ever when `None`.
    pub expires_in: Option<TimeDelta>,
}

const ALPHABET: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345679";

/// A key that is made and not kept yet.
pub struct PreparedKey {
    key: ApiKey,
    text: Secret,
}

impl NewKey {
    /// Makes the key.
    pub fn prepare<R: Rng + ?Sized>(self, rng: &mut R, now: DateTime<Utc>) -> PreparedKey {
        let body: String = (0..32).map(|_| char::from(ALPHABET[rng.random_range(0..32)])).collect();
        let id = KeyId::new(now, rng);
        self.with_body(id, &body, now)
    }

    /// The key that a sandbox prints at every start: the same each time, because it follows from
    /// the home's own keys. One that was taken back is followed by the next.
    ///
    /// # Errors
    ///
    /// The database does not take it.
    pub async fn development(store: &Store, now: DateTime<Utc>) -> Result<Secret, HostError> {
        for number in 0_u32.. {
            let purpose = if number == 0 { String::new() } else { format!(" {number}") };
            let derive = |what: &str| store.keys().derive(&format!("{what}{purpose}"));
            let seed = derive("development key");
            let body: String = seed.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
            let mut id = [0; 16];
            id.copy_from_slice(&derive("development key id")[..16]);
            let id = uuid::Builder::from_random_bytes(id).into_uuid();
            let new = Self {
                name: "development".to_owned(),
                mode: KeyMode::Test,
                scopes: SCOPES.map(str::to_owned).to_vec(),
                expires_in: None,
            };
            let key = new.with_body(KeyId(id), &body, now).keep(store).await?;
            let kept = store.read().await?.api_key_by_hash(&hash(key.expose())).await?;
            if kept.is_some_and(|kept| kept.is_valid(now)) {
                return Ok(key);
            }
        }
        unreachable!("a home has fewer keys than numbers")
    }

    fn with_body(self, id: KeyId, body: &str, now: DateTime<Utc>) -> PreparedKey {
        let text = format!("tdg_{}_{body}", self.mode.name());
        let key = ApiKey {
            id,
            name: self.name,
            prefix: text.chars().take(13).collect(),
            mode: self.mode,
            scopes: self.scopes,
            created_at: now,
            expires_at: self.expires_in.map(|span| now + span),
            revoked_at: None,
            last_used_at: None,
        };
        PreparedKey { key, text: Secret::new(text) }
    }
}

impl PreparedKey {
    /// Its id.
    pub(super) const fn id(&self) -> KeyId {
        self.key.id
    }

    /// Keeps the key's hash. The answer is the only time that the key is seen.
    ///
    /// # Errors
    ///
    /// The database does not take it.
    pub async fn keep(self, store: &Store) -> Result<Secret, HostError> {
        let mut tx = store.begin().await?;
        tx.insert_api_key(&self.key, &hash(self.text.expose())).await?;
        tx.commit().await?;
        Ok(self.text)
    }
}

impl Host {
    /// A test key on a host that sends in earnest: what it says of people makes known who was not, and
    /// changes nobody, lest a patient's text go to a number of a test.
    pub(super) fn is_beside_live(&self, caller: &Caller) -> bool {
        self.is_test_beside_live(caller.test)
    }

    /// Something of the sandbox's on a host that sends in earnest: what it says of phones is about
    /// nobody's phone.
    pub(super) fn is_test_beside_live(&self, test: bool) -> bool {
        test && self.providers.live.is_some()
    }

    /// Who holds this key. The look-up is by hash, so its time tells nothing of the keys there are.
    ///
    /// # Errors
    ///
    /// The key is not valid (any more), or could not be checked.
    pub async fn caller(&self, key: &str) -> Result<Caller, KeyRefused> {
        let found = self.key_of(hash(key)).await?;
        let now = self.now();
        let key = found.filter(|key| key.is_valid(now)).ok_or(KeyRefused::Invalid)?;
        let test = key.mode == KeyMode::Test;
        match self.provider(test) {
            Some(_) => {
                let mut scopes = key.scopes;
                // People are the same for both: a test must not change whom patients' texts go to.
                if test && self.providers.live.is_some() {
                    scopes.retain(|scope| scope != "recipients:write");
                }
                Ok(Caller { key: key.id, name: key.name, test, scopes })
            }
            None if test => {
                Err(KeyRefused::WrongMode("this is a test key, and this host runs without the sandbox"))
            }
            None => Err(KeyRefused::WrongMode(
                "this is a live key, and this host runs in the sandbox; use a test key",
            )),
        }
    }
}

impl Host {
    /// The key with this hash. Callers who come at the same time mostly come with the same key, which is then
    /// looked up once.
    async fn key_of(&self, hash: [u8; 32]) -> Result<Option<ApiKey>, HostError> {
        let work = |hashes| {
            let host = self.clone();
            async move { host.keys_of(hashes).await }
        };
        match Box::pin(self.calling.ask(hash, work)).await {
            Ok(key) => Ok(key),
            Err(Alone) => Ok(self.store.look().await?.api_key_by_hash(&hash).await?),
        }
    }

    /// Answers for each hash in its place.
    async fn keys_of(&self, hashes: Vec<[u8; 32]>) -> Vec<Result<Option<ApiKey>, Alone>> {
        let mut known: HashMap<[u8; 32], ApiKey> = HashMap::new();
        let looked_up: Result<(), HostError> = async {
            let mut tx = self.store.look().await?;
            for hash in hashes.iter().collect::<BTreeSet<_>>() {
                known.extend(tx.api_key_by_hash(hash).await?.map(|key| (*hash, key)));
            }
            Ok(())
        }
        .await;
        match looked_up {
            Ok(()) => hashes.iter().map(|hash| Ok(known.get(hash).cloned())).collect(),
            Err(_) => hashes.iter().map(|_| Err(Alone)).collect(),
        }
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
