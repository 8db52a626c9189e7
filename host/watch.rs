//! Folders that people edit while the host runs: says that something in them may have changed, never
//! what. Editors, copies and mounts tell too much, too little and in any order, so who is woken looks
//! for itself and compares.

use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// A change is told when nothing more has happened for this long: the first half of a file is not read.
const REST: Duration = Duration::from_millis(200);

/// A folder that never rests is told all the same.
const LONGEST: Duration = Duration::from_secs(1);

/// Without a word from the system, somebody looks this often: network mounts tell nothing.
const NET: Duration = Duration::from_secs(10);

/// How often a folder is looked through when the system cannot watch it.
const POLL: Duration = Duration::from_millis(500);

/// A folder cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} cannot be watched", folder.display())]
pub struct WatchError {
    folder: PathBuf,
    source: notify::Error,
}

/// Watches folders with all that is in them, until it is dropped.
pub struct Watch {
    _watcher: Box<dyn Watcher + Send>,
    changes: mpsc::Receiver<()>,
}

impl Watch {
    /// Begins to watch. Where the system has no watches left, the folders are polled.
    ///
    /// # Errors
    ///
    /// A folder is not there.
    pub fn begin(folders: &[&Path]) -> Result<Self, WatchError> {
        let (tell, changes) = mpsc::channel(1);
        let heard = move |event: notify::Result<notify::Event>| {
            // Reading a file is no change; an error may hide one. A full channel says it already.
            if event.map_or(true, |event| !event.kind.is_access()) {
                let _ = tell.try_send(());
            }
        };
        let config = Config::default().with_poll_interval(POLL).with_compare_contents(true);
        let watcher = match watch(RecommendedWatcher::new(heard.clone(), config), folders) {
            Ok(watcher) => watcher,
            Err(_) => watch(PollWatcher::new(heard, config), folders)?,
        };
        Ok(Self { _watcher: watcher, changes })
    }

    /// Resolves when something may have changed and has come to rest; now and then also for nothing.
    pub async fn changed(&mut self) {
        if tokio::time::timeout(NET, self.changes.recv()).await.is_err() {
            return;
        }
        let rested =
            async { while let Ok(Some(())) = tokio::time::timeout(REST, self.changes.recv()).await {} };
        let _ = tokio::time::timeout(LONGEST, rested).await;
    }
}

fn watch<W: Watcher + Send + 'static>(
    watcher: notify::Result<W>,
    folders: &[&Path],
) -> Result<Box<dyn Watcher + Send>, WatchError> {
    let failed = |folder: &Path| {
        let folder = folder.to_owned();
        move |source| WatchError { folder, source }
    };
    let mut watcher = watcher.map_err(failed(folders.first().unwrap_or(&Path::new("."))))?;
    for folder in folders {
        std::fs::read_dir(folder).map_err(|error| failed(folder)(notify::Error::io(error)))?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(failed(folder))?;
    }
    Ok(Box::new(watcher))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tidings-watch-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Longer than any machine is busy, shorter than the net.
    async fn is_told(watch: &mut Watch) -> bool {
        let begun = tokio::time::Instant::now();
        watch.changed().await;
        begun.elapsed() < NET
    }

    #[tokio::test]
    async fn a_new_file_a_rename_and_a_removal_are_told() {
        let folder = folder("told");
        let mut watch = Watch::begin(&[&folder]).unwrap();
        std::fs::write(folder.join("a"), "1").unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::rename(folder.join("a"), folder.join("b")).unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::remove_file(folder.join("b")).unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_that_names_it() {
        let error = Watch::begin(&[Path::new("nowhere/plugins")]).err().unwrap();
        assert!(error.to_string().contains("nowhere/plugins"));
    }
}
