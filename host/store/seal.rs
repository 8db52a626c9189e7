//! Sealing: what a stolen database must not show. AES-256-GCM with a random nonce; the row and the
//! column are authenticated with it, so that a sealed value cannot be moved to another row.
//!
//! Every recipient has a key of their own, wrapped by the master key. Erasing the recipient deletes
//! that key, and with it everything that was sealed for them; a backup made before still has it. A new
//! master key only wraps those keys anew; what they seal stays as it is.

use super::code_keys::{CodeKey, CodeKeys};
use super::key_files::{KeyFiles, KeyringError};
use super::{Result, StoreError};
use crate::clock::Chance;
use crate::domain::secret::Secret;
use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use arc_swap::ArcSwap;
use hmac::{Hmac, Mac as _};
use rand::{Rng as _, RngExt as _};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

/// The first byte of everything sealed: a later way of sealing gets another.
const VERSION: u8 = 1;
const NONCE: usize = 12;

/// A key as it is used: 256 bits.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

/// The keys that live outside the database. Copies share them: a master key that was changed under a
/// running host is known to all of it.
#[derive(Clone)]
pub struct Keyring {
    masters: Arc<ArcSwap<Masters>>,
    index: SealKey,
    codes: CodeKeys,
    chance: Chance,
    files: Option<Arc<KeyFiles>>,
}

/// The master keys, by the name that rows know them by: the start of their SHA-256.
pub(super) struct Masters {
    current: (String, SealKey),
    retired: Vec<(String, SealKey)>,
}

impl Masters {
    pub(super) fn new(current: [u8; 32], retired: Vec<[u8; 32]>) -> Self {
        let named = |key: [u8; 32]| (key_id(&key), SealKey(key));
        Self { current: named(current), retired: retired.into_iter().map(named).collect() }
    }

    fn by_id(&self, id: &str) -> Option<SealKey> {
        let mut all = std::iter::once(&self.current).chain(&self.retired);
        all.find(|(known, _)| known == id).map(|(_, key)| key.clone())
    }
}

/// Names a master key in the rows that it wraps.
pub(super) fn key_id(key: &[u8; 32]) -> String {
    hex(&Sha256::digest(key)[..4])
}

/// A recipient's key as it is kept.
pub(super) struct Wrapped {
    /// The master key that wraps it.
    pub(super) key_id: String,
    pub(super) bytes: Vec<u8>,
}

const WRAPPED: &str = "recipients.wrapped_key";

impl Keyring {
    /// Opens the keys of a home, and makes them on the first start: `master.key` seals, `index.key`
    /// finds phones and signs what is ours to check, `otp.key` is what one-time codes are derived with. A
    /// master key that is given stands in for the file.
    ///
    /// # Errors
    ///
    /// A file cannot be read, written or understood.
    pub fn open(
        folder: &Path,
        given: Option<&Secret>,
        chance: &Chance,
    ) -> std::result::Result<Self, KeyringError> {
        let files = KeyFiles::open(folder, given)?;
        let (masters, index) = (files.masters(chance)?, files.index(chance)?);
        let codes = CodeKeys::open(&folder.join("otp.key"), chance)?;
        Ok(Self { files: Some(Arc::new(files)), codes, ..Self::of(masters, index, chance.clone()) })
    }

    /// Keys that are at hand already.
    #[must_use]
    pub fn new(master: [u8; 32], index: [u8; 32], chance: Chance) -> Self {
        Self::of(Masters::new(master, Vec::new()), index, chance)
    }

    fn of(masters: Masters, index: [u8; 32], chance: Chance) -> Self {
        let masters = Arc::new(ArcSwap::from_pointee(masters));
        let index = SealKey(index);
        let codes = CodeKeys::new(vec![CodeKey::new(index.mac(b"one-time codes"))]);
        Self { masters, index, codes, chance, files: None }
    }

    /// The keys that one-time codes are derived with.
    #[must_use]
    pub const fn codes(&self) -> &CodeKeys {
        &self.codes
    }

    /// Whether a master key is at hand.
    #[must_use]
    pub fn has_master(&self, id: &str) -> bool {
        self.masters.load().by_id(id).is_some()
    }

    /// Where the keys lie; `None` when they are not in files.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.files.as_deref().map(KeyFiles::folder)
    }

    /// Reads the folder again: somebody may have changed the master key, or that of one-time codes.
    ///
    /// # Errors
    ///
    /// A file cannot be read or understood; the keys stay what they were.
    pub fn refresh(&self) -> std::result::Result<(), KeyringError> {
        self.refresh_masters()?;
        self.codes.refresh()
    }

    fn refresh_masters(&self) -> std::result::Result<(), KeyringError> {
        if let Some(files) = &self.files {
            self.masters.store(Arc::new(files.masters(&self.chance)?));
        }
        Ok(())
    }

    /// Makes a new master key; the one before is kept beside it for what it still wraps.
    ///
    /// # Errors
    ///
    /// The keys are not in a folder, or a file cannot be written.
    pub fn rotate(&self) -> std::result::Result<(), KeyringError> {
        let files = self.files.as_ref().ok_or(KeyringError::NotInFiles)?;
        files.rotate(&self.id(), &self.chance)?;
        self.refresh_masters()
    }

    /// Removes the master keys that are kept for what they wrapped; says how many there were.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn remove_retired(&self) -> std::result::Result<usize, KeyringError> {
        let removed = self.files.as_ref().map_or(Ok(0), |files| files.remove_retired())?;
        self.refresh_masters()?;
        Ok(removed)
    }

    /// A key for another purpose, that tells nothing of this one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.index.mac(purpose.as_bytes())
    }

    /// The master key that wraps new keys.
    #[must_use]
    pub fn id(&self) -> String {
        self.masters.load().current.0.clone()
    }

    /// Seals what the consent ledger and replies keep of phones that are nobody's.
    pub(super) fn ledger_key(&self) -> SealKey {
        SealKey(self.derive("consents"))
    }

    /// Keyed hash of a phone or a text: finds it again and tells nothing.
    #[must_use]
    pub fn hash(&self, purpose: &str, value: &str) -> Vec<u8> {
        self.hash_bytes(purpose, value.as_bytes())
    }

    /// The same of what is no text.
    #[must_use]
    pub fn hash_bytes(&self, purpose: &str, value: &[u8]) -> Vec<u8> {
        SealKey(self.derive(purpose)).mac(value).to_vec()
    }

    /// A new recipient's key, and how it is kept.
    pub(super) fn new_recipient_key(&self, recipient: &str) -> Result<(SealKey, Wrapped)> {
        let key = SealKey(self.chance.lock().random());
        let wrapped = self.wrap(&key, recipient)?;
        Ok((key, wrapped))
    }

    /// A recipient's key, wrapped by the current master key.
    pub(super) fn wrap(&self, key: &SealKey, recipient: &str) -> Result<Wrapped> {
        let masters = self.masters.load();
        let (id, master) = &masters.current;
        let bytes = self.seal(master, WRAPPED, recipient.as_bytes(), &key.0)?;
        Ok(Wrapped { key_id: id.clone(), bytes })
    }

    /// A recipient's key as it was kept.
    pub(super) fn unwrap(&self, key_id: &str, recipient: &str, wrapped: &[u8]) -> Result<SealKey> {
        let unknown = || StoreError::UnknownMasterKey { id: key_id.to_owned() };
        let mut master = self.masters.load().by_id(key_id);
        if master.is_none() {
            // A command beside this host may have changed the master key since.
            self.refresh_masters().map_err(|_| unknown())?;
            master = self.masters.load().by_id(key_id);
        }
        let master = master.ok_or_else(unknown)?;
        let bytes = self.open_sealed(&master, WRAPPED, recipient.as_bytes(), wrapped)?;
        <[u8; 32]>::try_from(bytes.as_slice()).map(SealKey).map_err(|_| StoreError::Unsealable)
    }

    /// Seals a value for one column of one row.
    pub(super) fn seal(&self, key: &SealKey, column: &str, row: &[u8], value: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        self.chance.lock().fill_bytes(&mut nonce);
        let context = context(column, row);
        let sealed = key
            .cipher()
            .encrypt(&Nonce::from(nonce), Payload { msg: value, aad: &context })
            .map_err(|_| StoreError::Unsealable)?;
        let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens a value of one column of one row.
    #[expect(clippy::unused_self, reason = "stands beside `seal`")]
    pub(super) fn open_sealed(
        &self,
        key: &SealKey,
        column: &str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>> {
        let (version, rest) = sealed.split_first().ok_or(StoreError::Unsealable)?;
        let (nonce, text) = rest.split_at_checked(NONCE).ok_or(StoreError::Unsealable)?;
        if *version != VERSION {
            return Err(StoreError::Unsealable);
        }
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| StoreError::Unsealable)?;
        let context = context(column, row);
        key.cipher()
            .decrypt(&Nonce::from(nonce), Payload { msg: text, aad: &context })
            .map_err(|_| StoreError::Unsealable)
    }
}

impl SealKey {
    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.0.into())
    }

    fn mac(&self, value: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&hmac_key(&self.0));
        mac.update(value);
        mac.finalize().into_bytes().into()
    }
}

/// HMAC takes keys of a block's length; shorter ones are filled with zeros (RFC 2104).
fn hmac_key(key: &[u8; 32]) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..32].copy_from_slice(key);
    block
}

fn context(column: &str, row: &[u8]) -> Vec<u8> {
    [column.as_bytes(), &[0], row].concat()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::new([1; 32], [2; 32], Chance::seeded(7))
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_own_row_and_column() {
        let keys = keyring();
        let (key, wrapped) = keys.new_recipient_key("ana").unwrap();
        let sealed = keys.seal(&key, "messages.text", b"row", b"hello").unwrap();
        assert_eq!(keys.open_sealed(&key, "messages.text", b"row", &sealed).unwrap(), b"hello");
        assert!(keys.open_sealed(&key, "messages.text", b"other", &sealed).is_err());
        assert!(keys.open_sealed(&key, "messages.phone", b"row", &sealed).is_err());
        let again = keys.unwrap(&wrapped.key_id, "ana", &wrapped.bytes).unwrap();
        assert_eq!(keys.open_sealed(&again, "messages.text", b"row", &sealed).unwrap(), b"hello");
        assert!(keys.unwrap(&wrapped.key_id, "bob", &wrapped.bytes).is_err());
    }

    #[test]
    fn a_key_of_codes_that_is_made_elsewhere_is_taken_up_with_the_next_look_at_the_folder() {
        let folder = std::env::temp_dir().join(format!("tidings-keyring-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let open = || Keyring::open(&folder, None, &Chance::seeded(5)).unwrap();
        let (host, command) = (open(), open());
        let older = host.codes().newest();
        let newer = command.codes().rotate(&Chance::seeded(6)).unwrap();
        assert_eq!(host.codes().newest().id, older.id, "nobody has told it");
        host.refresh().unwrap();
        assert_eq!(host.codes().newest().id, newer.id);
        assert_eq!(host.codes().retired()[0].id, older.id);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let keys = keyring();
        let (key, _) = keys.new_recipient_key("ana").unwrap();
        let mut sealed = keys.seal(&key, "messages.text", b"row", b"hello").unwrap();
        *sealed.last_mut().unwrap() ^= 1;
        assert!(keys.open_sealed(&key, "messages.text", b"row", &sealed).is_err());
    }
}
