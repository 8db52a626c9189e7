//! Sealing: what a stolen database must not show. AES-256-GCM with a random nonce; the row and the
//! column are authenticated with it, so that a sealed value cannot be moved to another row.
//!
//! Every recipient has a key of their own, wrapped by the master key. Erasing the recipient deletes
//! that key, and with it everything that was sealed for them, in every backup.

use super::{Result, StoreError};
use crate::clock::Chance;
use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac as _};
use rand::{Rng as _, RngExt as _};
use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The first byte of everything sealed: a later way of sealing gets another.
const VERSION: u8 = 1;
const NONCE: usize = 12;

/// A key as it is used: 256 bits.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

/// The keys that live outside the database.
#[derive(Clone)]
pub struct Keyring {
    /// Names the master key in the rows that it wraps: the start of its SHA-256.
    id: String,
    master: SealKey,
    index: SealKey,
    chance: Chance,
}

/// Why the keys could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file system said no.
    #[error("the key file {} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a key.
    #[error("{} does not hold a key: expected 64 hexadecimal digits", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
    },
}

impl Keyring {
    /// Opens the keys of a home, and makes them on the first start: `master.key` seals, `index.key`
    /// finds phones and signs what is ours to check.
    ///
    /// # Errors
    ///
    /// A file cannot be read, written or understood.
    pub fn open(folder: &Path, chance: &Chance) -> std::result::Result<Self, KeyringError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| KeyringError::File { path: folder.to_owned(), source })?;
        let master = read_or_make(&folder.join("master.key"), chance)?;
        let index = read_or_make(&folder.join("index.key"), chance)?;
        Ok(Self::new(master, index, chance.clone()))
    }

    /// Keys that are at hand already.
    #[must_use]
    pub fn new(master: [u8; 32], index: [u8; 32], chance: Chance) -> Self {
        let id = hex(&Sha256::digest(master)[..4]);
        Self { id, master: SealKey(master), index: SealKey(index), chance }
    }

    /// A key for another purpose, that tells nothing of this one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.index.mac(purpose.as_bytes())
    }

    /// The id under which new keys are wrapped.
    #[must_use]
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Seals what the consent ledger keeps of phones that are nobody's.
    pub(super) fn ledger_key(&self) -> SealKey {
        SealKey(self.derive("consents"))
    }

    /// Keyed hash of a phone or a text: finds it again and tells nothing.
    #[must_use]
    pub fn hash(&self, purpose: &str, value: &str) -> Vec<u8> {
        SealKey(self.derive(purpose)).mac(value.as_bytes()).to_vec()
    }

    /// A new recipient's key, and how it is kept.
    pub(super) fn new_recipient_key(&self, recipient: &str) -> Result<(SealKey, Vec<u8>)> {
        let key = SealKey(self.chance.lock().random());
        let wrapped = self.seal(&self.master, "recipients.wrapped_key", recipient.as_bytes(), &key.0)?;
        Ok((key, wrapped))
    }

    /// A recipient's key as it was kept.
    pub(super) fn unwrap(&self, key_id: &str, recipient: &str, wrapped: &[u8]) -> Result<SealKey> {
        if key_id != self.id {
            return Err(StoreError::UnknownMasterKey { id: key_id.to_owned() });
        }
        let bytes =
            self.open_sealed(&self.master, "recipients.wrapped_key", recipient.as_bytes(), wrapped)?;
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

fn read_or_make(path: &Path, chance: &Chance) -> std::result::Result<[u8; 32], KeyringError> {
    let failed = |source| KeyringError::File { path: path.to_owned(), source };
    match std::fs::read_to_string(path) {
        Ok(text) => from_hex(text.trim()).ok_or_else(|| KeyringError::Malformed { path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key: [u8; 32] = chance.lock().random();
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(failed)?;
            writeln!(file, "{}", hex(&key)).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
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

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
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
        let again = keys.unwrap(keys.id(), "ana", &wrapped).unwrap();
        assert_eq!(keys.open_sealed(&again, "messages.text", b"row", &sealed).unwrap(), b"hello");
        assert!(keys.unwrap(keys.id(), "bob", &wrapped).is_err());
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
