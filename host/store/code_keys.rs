//! The keys that one-time codes are derived with. They live in a file outside the database, one a line,
//! the newest first; an older one stays until the last challenge under it has ended.

use super::key_files::{KeyringError, from_hex, write_private};
use super::seal::hex;
use crate::clock::Chance;
use arc_swap::ArcSwap;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One key.
#[derive(Clone)]
pub struct CodeKey {
    /// Names the key in the challenges under it: the start of its SHA-256.
    pub id: String,
    /// The key itself.
    pub key: [u8; 32],
}

impl CodeKey {
    /// A key with the name that follows from it.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { id: hex(&Sha256::digest(key)[..4]), key }
    }
}

/// All of them. Clones share them.
#[derive(Clone)]
pub struct CodeKeys {
    /// `None` for keys that are in no file.
    path: Option<PathBuf>,
    keys: Arc<ArcSwap<Vec<CodeKey>>>,
}

impl CodeKeys {
    /// Keys that are at hand already, the newest first.
    #[must_use]
    pub fn new(keys: Vec<CodeKey>) -> Self {
        Self { path: None, keys: Arc::new(ArcSwap::from_pointee(keys)) }
    }

    /// Reads the keys of a home, and makes the first one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, written or understood.
    pub fn open(path: &Path, chance: &Chance) -> Result<Self, KeyringError> {
        if !path.exists() {
            let first: [u8; 32] = chance.lock().random();
            write_private(path, &format!("{}\n", hex(&first)))?;
        }
        let keys = Arc::new(ArcSwap::from_pointee(read(path)?));
        Ok(Self { path: Some(path.to_owned()), keys })
    }

    /// The key for new challenges.
    ///
    /// # Panics
    ///
    /// There is none, which [`CodeKeys::open`] does not let happen.
    #[must_use]
    pub fn newest(&self) -> CodeKey {
        self.keys.load().first().cloned().expect("a file without a key is refused")
    }

    /// The key of this name. One that is not known may have been made by another process since: the file
    /// is read again.
    #[must_use]
    pub fn named(&self, id: &str) -> Option<CodeKey> {
        let find = || self.keys.load().iter().find(|key| key.id == id).cloned();
        find().or_else(|| {
            self.refresh().ok()?;
            find()
        })
    }

    /// Keys that no new challenge gets.
    #[must_use]
    pub fn retired(&self) -> Vec<CodeKey> {
        self.keys.load().iter().skip(1).cloned().collect()
    }

    /// Reads the file again.
    ///
    /// # Errors
    ///
    /// It cannot be read or understood; the keys stay as they were.
    pub fn refresh(&self) -> Result<(), KeyringError> {
        if let Some(path) = &self.path {
            self.keys.store(Arc::new(read(path)?));
        }
        Ok(())
    }

    /// Makes a new key for new challenges; the older ones stay.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn rotate(&self, chance: &Chance) -> Result<CodeKey, KeyringError> {
        let _alone = self.lock()?;
        self.refresh()?;
        let new = CodeKey::new(chance.lock().random());
        let mut keys = vec![new.clone()];
        keys.extend(self.keys.load().iter().cloned());
        self.keep(keys)?;
        Ok(new)
    }

    /// Destroys an older key. The newest stays whatever it is called.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn forget(&self, id: &str) -> Result<(), KeyringError> {
        let _alone = self.lock()?;
        self.refresh()?;
        let mut kept = vec![self.newest()];
        kept.extend(self.retired().into_iter().filter(|key| key.id != id));
        self.keep(kept)
    }

    /// Processes change the file in turns: a key that one adds is not lost to another that takes one away.
    fn lock(&self) -> Result<Option<std::fs::File>, KeyringError> {
        let Some(path) = &self.path else { return Ok(None) };
        let path = path.with_extension("lock");
        let failed = |source| KeyringError::File { path: path.clone(), source };
        let mut options = std::fs::OpenOptions::new();
        let file =
            options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(Some(file))
    }

    fn keep(&self, keys: Vec<CodeKey>) -> Result<(), KeyringError> {
        if let Some(path) = &self.path {
            // Written aside and put in place whole: a half-written file would refuse every code.
            let aside = path.with_extension("new");
            let lines: Vec<String> = keys.iter().map(|key| hex(&key.key)).collect();
            let failed = |source| KeyringError::File { path: path.clone(), source };
            match std::fs::remove_file(&aside) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            write_private(&aside, &(lines.join("\n") + "\n"))?;
            std::fs::rename(&aside, path).map_err(failed)?;
            // A rename that a power cut forgets would lose the key of open challenges.
            let folder = path.parent().unwrap_or(path);
            std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<CodeKey>, KeyringError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| KeyringError::File { path: path.to_owned(), source })?;
    let malformed = || KeyringError::Malformed { path: path.to_owned() };
    let keys: Option<Vec<CodeKey>> =
        text.lines().map(|line| from_hex(line.trim()).map(CodeKey::new)).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_key_stays_until_it_is_forgotten_and_the_newest_always() {
        let folder = std::env::temp_dir().join(format!("tidings-code-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("otp.key");
        let chance = Chance::seeded(3);
        let keys = CodeKeys::open(&path, &chance).unwrap();
        let first = keys.newest();
        // Another process of the same home.
        let other = CodeKeys::open(&path, &chance).unwrap();
        assert_eq!(other.newest().id, first.id);
        let second = keys.rotate(&chance).unwrap();
        assert_ne!(second.key, first.key);
        assert_eq!(keys.named(&first.id).unwrap().key, first.key);
        assert_eq!(other.named(&second.id).unwrap().key, second.key, "read again when it is asked for");
        assert_eq!(other.newest().id, second.id);
        keys.forget(&first.id).unwrap();
        keys.forget(&second.id).unwrap();
        assert!(keys.named(&first.id).is_none());
        assert_eq!(CodeKeys::open(&path, &chance).unwrap().newest().id, second.id);
        std::fs::write(&path, "").unwrap();
        assert!(CodeKeys::open(&path, &chance).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
