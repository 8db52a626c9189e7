//! Folders that people edit while the host runs: says that something in them may have changed, never
//! what. Editors, copies and mounts tell too much, too little and in any order, so who is woken looks
//! for itself and compares.

use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Watches folders with all that is in them, until it is dropped. A folder that another one takes the place of,
/// or a link to another one, is followed by its name.
pub struct Watch {
    watcher: Box<dyn Watcher + Send>,
    folders: Vec<PathBuf>,
    changes: mpsc::Receiver<()>,
    /// A folder itself has changed: what is watched may lie elsewhere by now.
    is_swapped: Arc<AtomicBool>,
    /// What had the names when it was last followed; `None` where the folders are polled, by their names.
    places: Option<Vec<Place>>,
}

impl Watch {
    /// Begins to watch. Where the system has no watches left, the folders are polled.
    ///
    /// # Errors
    ///
    /// A folder is not there.
    pub fn begin(folders: &[&Path]) -> Result<Self, WatchError> {
        Self::listening(folders).or_else(|_| Self::polling(folders))
    }

    fn listening(folders: &[&Path]) -> Result<Self, WatchError> {
        let ears = Ears::of(folders);
        let mut watcher = watch(RecommendedWatcher::new(ears.heard, config()), folders)?;
        // Where this cannot be, the net finds a swapped folder.
        for parent in folders.iter().map(|folder| parent(folder)).collect::<BTreeSet<_>>() {
            let _ = watcher.watch(&parent, RecursiveMode::NonRecursive);
        }
        let places = Some(places(&ears.folders));
        Ok(Self {
            watcher,
            folders: ears.folders,
            changes: ears.changes,
            is_swapped: ears.is_swapped,
            places,
        })
    }

    fn polling(folders: &[&Path]) -> Result<Self, WatchError> {
        let ears = Ears::of(folders);
        let watcher = watch(PollWatcher::new(ears.heard, config()), folders)?;
        let Ears { folders, changes, is_swapped, .. } = ears;
        Ok(Self { watcher, folders, changes, is_swapped, places: None })
    }

    /// Resolves when something may have changed and has come to rest; now and then also for nothing.
    pub async fn changed(&mut self) {
        if tokio::time::timeout(NET, self.changes.recv()).await.is_ok() {
            let rested =
                async { while let Ok(Some(())) = tokio::time::timeout(REST, self.changes.recv()).await {} };
            let _ = tokio::time::timeout(LONGEST, rested).await;
        }
        // Before anybody reads what is there now, so that nothing is missed in between.
        let Some(before) = &self.places else { return };
        let now = places(&self.folders);
        // A link above a folder, or inside it, leads elsewhere without a word from the system.
        if self.is_swapped.swap(false, Ordering::AcqRel) || *before != now {
            self.places = Some(now);
            self.follow();
        }
    }

    /// Watches what has the names of the folders by now.
    fn follow(&mut self) {
        for folder in &self.folders {
            // The system may have ended it by itself.
            let _ = self.watcher.unwatch(folder);
            if self.watcher.watch(folder, RecursiveMode::Recursive).is_err() {
                self.is_swapped.store(true, Ordering::Release);
            }
        }
    }
}

/// What hears of changes, and what it tells.
struct Ears<H> {
    folders: Vec<PathBuf>,
    heard: H,
    changes: mpsc::Receiver<()>,
    is_swapped: Arc<AtomicBool>,
}

impl Ears<()> {
    fn of(folders: &[&Path]) -> Ears<impl Fn(notify::Result<notify::Event>) + Send + 'static + use<>> {
        let (tell, changes) = mpsc::channel(1);
        let is_swapped = Arc::new(AtomicBool::new(false));
        let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
        let (swapped, known) = (Arc::clone(&is_swapped), names(&folders));
        let heard = move |event: notify::Result<notify::Event>| {
            let told = event.map_or(Told::Change, |event| told(&event, &known));
            if told == Told::Swap {
                swapped.store(true, Ordering::Release);
            }
            if told != Told::Nothing {
                // A full channel says it already.
                let _ = tell.try_send(());
            }
        };
        Ears { folders, heard, changes, is_swapped }
    }
}

fn config() -> Config {
    Config::default().with_poll_interval(POLL).with_compare_contents(true)
}

/// What has a name: the number of a folder on its device.
type Place = (u64, u64);

/// What has the names of the folders, and of those right inside them, behind all links.
fn places(folders: &[PathBuf]) -> Vec<Place> {
    let inside = |folder: &PathBuf| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut inside: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        inside.sort();
        inside
    };
    let all = folders.iter().flat_map(|folder| [vec![folder.clone()], inside(folder)].concat());
    all.filter_map(|folder| place(&folder)).collect()
}

#[cfg(unix)]
fn place(folder: &Path) -> Option<Place> {
    use std::os::unix::fs::MetadataExt as _;
    let of = std::fs::metadata(folder).ok()?;
    Some((of.dev(), of.ino()))
}

/// Elsewhere the folders' own events must do.
#[cfg(not(unix))]
fn place(_: &Path) -> Option<Place> {
    None
}

/// What an event means for the folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Change,
    /// Another folder, or none, has the name now.
    Swap,
}

fn told(event: &notify::Event, folders: &[PathBuf]) -> Told {
    let any = |is: fn(&Path, &Path) -> bool| {
        event.paths.iter().any(|path| folders.iter().any(|folder| is(path, folder)))
    };
    // Reading a file is no change, and what else lies beside the folders is of no interest.
    if event.kind.is_access() {
        Told::Nothing
    } else if any(|path, folder| path == folder) {
        Told::Swap
    } else if event.paths.is_empty() || any(|path, folder| path.starts_with(folder)) {
        Told::Change
    } else {
        Told::Nothing
    }
}

/// All that systems call these folders, whatever they were called here.
fn names(folders: &[PathBuf]) -> Vec<PathBuf> {
    let absolute = folders.iter().filter_map(|folder| std::path::absolute(folder).ok());
    let real = folders
        .iter()
        .filter_map(|folder| Some(parent(folder).canonicalize().ok()?.join(folder.file_name()?)));
    folders.iter().cloned().chain(absolute).chain(real).collect()
}

/// Where a folder lies.
fn parent(folder: &Path) -> PathBuf {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
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
    use notify::EventKind;

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

    #[tokio::test]
    async fn a_folder_that_another_takes_the_place_of_is_followed() {
        let home = folder("swapped");
        let (watched, next) = (home.join("locales"), home.join("next"));
        std::fs::create_dir_all(watched.join("es")).unwrap();
        let mut watch = Watch::begin(&[&watched]).unwrap();
        for round in ["a", "b"] {
            std::fs::create_dir_all(next.join("es")).unwrap();
            std::fs::rename(&watched, home.join(format!("old-{round}"))).unwrap();
            std::fs::rename(&next, &watched).unwrap();
            assert!(is_told(&mut watch).await, "the swap");
            std::fs::write(watched.join("es/a.ftl"), round).unwrap();
            assert!(is_told(&mut watch).await, "an edit after it");
        }
        // As a deployment switches from one release to the next.
        for release in ["1", "2"] {
            std::fs::create_dir_all(home.join(release).join("es")).unwrap();
            std::os::unix::fs::symlink(release, home.join(format!("{release}.link"))).unwrap();
        }
        std::fs::remove_dir_all(&watched).unwrap();
        for release in ["1", "2"] {
            std::fs::rename(home.join(format!("{release}.link")), &watched).unwrap();
            assert!(is_told(&mut watch).await, "the link");
            std::fs::write(home.join(release).join("es/a.ftl"), release).unwrap();
            assert!(is_told(&mut watch).await, "an edit behind the link");
        }
        std::fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn a_link_inside_a_folder_is_followed_to_where_it_leads_by_now() {
        let home = folder("linked");
        let watched = home.join("locales");
        std::fs::create_dir_all(&watched).unwrap();
        let lead_to = |release: &str| {
            std::fs::create_dir_all(home.join(release)).unwrap();
            std::os::unix::fs::symlink(home.join(release), home.join("next")).unwrap();
            std::fs::rename(home.join("next"), watched.join("es")).unwrap();
        };
        lead_to("1");
        let mut watch = Watch::begin(&[&watched]).unwrap();
        lead_to("2");
        assert!(is_told(&mut watch).await, "the link");
        std::fs::write(home.join("2/a.ftl"), "x").unwrap();
        assert!(is_told(&mut watch).await, "an edit behind it");
        std::fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_is_polled_is_polled_for_ever() {
        let home = folder("polled");
        let watched = home.join("locales");
        std::fs::create_dir_all(&watched).unwrap();
        let mut watch = Watch::polling(&[&watched]).unwrap();
        for round in ["a", "b"] {
            std::fs::rename(&watched, home.join(round)).unwrap();
            assert!(is_told(&mut watch).await, "it is gone");
            std::fs::create_dir_all(&watched).unwrap();
            std::fs::write(watched.join("a.ftl"), round).unwrap();
            assert!(is_told(&mut watch).await, "it is back");
        }
        std::fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_is_named_from_where_the_program_runs_is_watched_too() {
        let folder = PathBuf::from(format!("./target/tidings-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut watch = Watch::begin(&[&folder]).unwrap();
        std::fs::write(folder.join("a"), "1").unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_lies_beside_the_folders_wakes_nobody() {
        use notify::event::{AccessKind, CreateKind, ModifyKind};
        let folders = names(&[PathBuf::from("/home/locales"), PathBuf::from("./plugins")]);
        let plugins = std::env::current_dir().unwrap().join("plugins");
        let (written, made) = (EventKind::Modify(ModifyKind::Any), EventKind::Create(CreateKind::Any));
        for (kind, path, expected) in [
            (written, "/home/locales/es/a.ftl", Told::Change),
            (written, "/home/log", Told::Nothing),
            (written, "/home/locales.old/a.ftl", Told::Nothing),
            (made, "/home/locales", Told::Swap),
            (made, plugins.to_str().unwrap(), Told::Swap),
            (made, plugins.join("a.wasm").to_str().unwrap(), Told::Change),
            (made, "/home/plugins", Told::Nothing),
            (EventKind::Access(AccessKind::Any), "/home/locales/es/a.ftl", Told::Nothing),
        ] {
            assert_eq!(told(&notify::Event::new(kind).add_path(path.into()), &folders), expected, "{path}");
        }
        assert_eq!(told(&notify::Event::new(EventKind::Other), &folders), Told::Change);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_that_names_it() {
        let error = Watch::begin(&[Path::new("nowhere/plugins")]).err().unwrap();
        assert!(error.to_string().contains("nowhere/plugins"));
    }
}
