//! The keys as files: `master.key`, the master keys before it (`master-<id>.key`) and `index.key`, 64
//! hexadecimal digits each, readable by their owner alone.

use super::seal::{Masters, hex};
use crate::clock::Chance;
use crate::domain::secret::Secret;
use rand::RngExt as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const MASTER: &str = "master.key";
const INDEX: &str = "index.key";

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
    /// The environment's is not a key.
    #[error("TIDINGS_MASTER_KEY is not a key: expected 64 hexadecimal digits")]
    Given,
    /// There are no files to change.
    #[error(
        "the master key comes from TIDINGS_MASTER_KEY: save it as master-<id>.key in the home's .tidings/keys, give \
         another in its place, and run this again"
    )]
    NotInFiles,
}

/// Where the keys are.
pub(super) struct KeyFiles {
    folder: PathBuf,
    /// Stands in for `master.key`.
    given: Option<[u8; 32]>,
}

impl KeyFiles {
    pub(super) fn open(folder: &Path, given: Option<&Secret>) -> Result<Self, KeyringError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| KeyringError::File { path: folder.to_owned(), source })?;
        let given =
            given.map(|text| from_hex(text.expose().trim()).ok_or(KeyringError::Given)).transpose()?;
        Ok(Self { folder: folder.to_owned(), given })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn index(&self, chance: &Chance) -> Result<[u8; 32], KeyringError> {
        read_or_make(&self.folder.join(INDEX), chance)
    }

    /// The current master key and those before it.
    pub(super) fn masters(&self, chance: &Chance) -> Result<Masters, KeyringError> {
        let current = match self.given {
            Some(key) => key,
            None => read_or_make(&self.folder.join(MASTER), chance)?,
        };
        let retired = self.retired()?.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        Ok(Masters::new(current, retired))
    }

    /// At every moment there is a `master.key`, so that neither a crash nor a host that reads its keys
    /// meanwhile makes another one, which this one would overwrite.
    pub(super) fn rotate(&self, id: &str, chance: &Chance) -> Result<(), KeyringError> {
        let current = self.folder.join(MASTER);
        if self.given.is_some() {
            return Err(KeyringError::NotInFiles);
        }
        let fresh = self.folder.join("master.key.new");
        let _ = std::fs::remove_file(&fresh);
        make(&fresh, chance)?;
        let retired = self.folder.join(format!("master-{id}.key"));
        match std::fs::hard_link(&current, &retired) {
            // A change that a crash broke off was here before: the name says which key it is.
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(KeyringError::File { path: retired, source });
            }
            Ok(()) | Err(_) => self.sync()?,
        }
        std::fs::rename(&fresh, &current)
            .map_err(|source| KeyringError::File { path: current.clone(), source })?;
        self.sync()
    }

    pub(super) fn remove_retired(&self) -> Result<usize, KeyringError> {
        let retired = self.retired()?;
        for path in &retired {
            std::fs::remove_file(path).map_err(|source| KeyringError::File { path: path.clone(), source })?;
        }
        self.sync()?;
        Ok(retired.len())
    }

    fn retired(&self) -> Result<Vec<PathBuf>, KeyringError> {
        let failed = |source| KeyringError::File { path: self.folder.clone(), source };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("master-") && name.ends_with(".key") {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// A rename that a power cut forgets would lose the key that rows are wrapped by.
    fn sync(&self) -> Result<(), KeyringError> {
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| KeyringError::File { path: self.folder.clone(), source })
    }
}

fn read_or_make(path: &Path, chance: &Chance) -> Result<[u8; 32], KeyringError> {
    match read(path) {
        Err(KeyringError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            make(path, chance)
        }
        read => read,
    }
}

fn read(path: &Path) -> Result<[u8; 32], KeyringError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| KeyringError::File { path: path.to_owned(), source })?;
    from_hex(text.trim()).ok_or_else(|| KeyringError::Malformed { path: path.to_owned() })
}

fn make(path: &Path, chance: &Chance) -> Result<[u8; 32], KeyringError> {
    let key: [u8; 32] = chance.lock().random();
    write_private(path, &format!("{}\n", hex(&key)))?;
    Ok(key)
}

/// Writes a new file that nobody else may read, and waits until it is on the disk.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), KeyringError> {
    let failed = |source| KeyringError::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
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
    use super::super::seal::{Keyring, key_id};
    use super::*;

    #[test]
    fn what_an_older_master_key_wrapped_opens_after_a_change_also_for_a_running_host() {
        let folder = std::env::temp_dir().join(format!("tidings-keys-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let running = Keyring::open(&folder, None, &Chance::seeded(1)).unwrap();
        let (_, before) = running.new_recipient_key("ana").unwrap();
        let command = Keyring::open(&folder, None, &Chance::seeded(2)).unwrap();
        command.rotate().unwrap();
        let key = command.unwrap(&before.key_id, "ana", &before.bytes).unwrap();
        let after = command.wrap(&key, "ana").unwrap();
        assert_ne!(before.key_id, after.key_id);
        assert!(running.unwrap(&after.key_id, "ana", &after.bytes).is_ok());
        assert_eq!(running.id(), command.id());
        assert_eq!(command.remove_retired().unwrap(), 1);
        assert!(command.unwrap(&before.key_id, "ana", &before.bytes).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_change_that_a_crash_broke_off_is_done_again() {
        let folder = std::env::temp_dir().join(format!("tidings-broken-off-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let keys = Keyring::open(&folder, None, &Chance::seeded(1)).unwrap();
        let before = keys.id();
        // It died when the key of before had its second name and the new one was not in place.
        std::fs::hard_link(folder.join(MASTER), folder.join(format!("master-{before}.key"))).unwrap();
        std::fs::write(folder.join("master.key.new"), "half").unwrap();
        let again = Keyring::open(&folder, None, &Chance::seeded(2)).unwrap();
        assert_eq!(again.id(), before);
        let (_, wrapped) = again.new_recipient_key("ana").unwrap();
        again.rotate().unwrap();
        assert_ne!(again.id(), before);
        assert!(again.unwrap(&wrapped.key_id, "ana", &wrapped.bytes).is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_from_the_environment_stands_in_for_the_file() {
        let folder = std::env::temp_dir().join(format!("tidings-given-{}", std::process::id()));
        let given = Secret::new("ab".repeat(32));
        let keys = Keyring::open(&folder, Some(&given), &Chance::seeded(1)).unwrap();
        assert_eq!(keys.id(), key_id(&[0xab; 32]));
        assert!(!folder.join(MASTER).exists());
        assert!(matches!(keys.rotate(), Err(KeyringError::NotInFiles)));
        let wrong = Secret::new("ab".to_owned());
        assert!(matches!(Keyring::open(&folder, Some(&wrong), &Chance::seeded(1)), Err(KeyringError::Given)));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
