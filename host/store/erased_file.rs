//! Who was erased, outside the database: a backup that is put back brings nobody back. One keyed hash of an id a
//! line, beside the keys; appended before the erasure is committed, and never taken out.

use super::key_files::KeyringError;
use super::seal::{Keyring, hex};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Hexadecimal digits of a keyed hash.
const NAME: usize = 64;

/// The file in the folder of the keys.
pub(super) const FILE: &str = "erased";

impl Keyring {
    /// Writes down that a person is erased, and waits until it is on the disk. Keys that are not in files have
    /// no place for it.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_erased(&self, recipient: &str) -> Result<(), KeyringError> {
        let Some(path) = self.erased_file() else { return Ok(()) };
        append(&path, &self.erased_name(recipient)).map_err(|source| KeyringError::File { path, source })
    }

    /// Everybody who was written down, by the name that [`Self::erased_name`] gives.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn erased(&self) -> Result<HashSet<String>, KeyringError> {
        let Some(path) = self.erased_file() else { return Ok(HashSet::new()) };
        match std::fs::read_to_string(&path) {
            // A line that a power cut broke off is nobody's: its erasure was not committed.
            Ok(text) => Ok(text.lines().filter(|line| line.len() == NAME).map(str::to_owned).collect()),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(source) => Err(KeyringError::File { path, source }),
        }
    }

    /// What stands for a person in that file: a keyed hash, which tells nobody who it is.
    #[must_use]
    pub fn erased_name(&self, recipient: &str) -> String {
        hex(&self.hash("erased people", recipient))
    }

    fn erased_file(&self) -> Option<PathBuf> {
        self.folder().map(|folder| folder.join(FILE))
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    // A power cut may have broken off the line before; it must not spoil this one.
    let mut before = String::new();
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_to_string(&mut before)?;
    }
    let end = if before.is_empty() || before == "\n" { "" } else { "\n" };
    file.write_all(format!("{end}{line}\n").as_bytes())?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) if is_new => File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;

    #[test]
    fn who_was_erased_is_known_from_the_file_by_no_name_even_after_a_broken_line() {
        let folder = std::env::temp_dir().join(format!("tidings-erased-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let keys = Keyring::open(&folder, None, &Chance::seeded(1)).unwrap();
        assert!(keys.erased().unwrap().is_empty());
        keys.write_erased("ana").unwrap();
        let file = folder.join(FILE);
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{whole}0123")).unwrap();
        keys.write_erased("bo").unwrap();
        let known = Keyring::open(&folder, None, &Chance::seeded(2)).unwrap();
        let erased = known.erased().unwrap();
        assert!(erased.contains(&known.erased_name("ana")) && erased.contains(&known.erased_name("bo")));
        assert!(!erased.contains(&known.erased_name("cy")) && !whole.contains("ana"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
