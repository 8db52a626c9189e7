//! Files that readers see whole: as they were before, or as they are now.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file of which readers see the old one or the new one, never half of one, after a power cut too.
///
/// # Errors
///
/// It cannot be written, and is as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut open, draft) = draft_of(path)?;
    let written =
        open.write_all(bytes).and_then(|()| open.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The draft is of no use, and why it failed is what the caller must hear.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// A file beside this one that nobody else writes: two hosts in containers may have one number, and one folder.
///
/// # Errors
///
/// There is no place for it.
pub fn draft_of(path: &Path) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let draft = path.with_file_name(format!(".{}-{number}.tmp", process::id()));
        match File::create_new(&draft) {
            Ok(open) => return Ok((open, draft)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_of_another_host_with_our_number_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("tidings-disk-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        // Whatever number comes next, the other host has its draft there.
        let drafts: Vec<PathBuf> =
            (0..50).map(|number| folder.join(format!(".{}-{number}.tmp", process::id()))).collect();
        for draft in &drafts {
            fs::write(draft, "theirs").unwrap();
        }
        let file = folder.join("words.json");
        write_whole(&file, b"one").unwrap();
        write_whole(&file, b"two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(drafts.iter().all(|draft| fs::read_to_string(draft).unwrap() == "theirs"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), drafts.len() + 1, "no draft of ours is left");
        assert!(write_whole(&folder.join("nowhere/words.json"), b"three").is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
