//! Crash points: named places around every commit and every call, at which a test makes a host die or
//! freeze. They are in builds with debug assertions, or with the feature `crash-points`; in any other
//! build [`Crash::at`] is nothing.
//!
//! A program of its own is told by the environment: `TIDINGS_CRASH_AT=intent-committed` kills it, as
//! SIGKILL does, the first time it gets there, `intent-committed:3` the third time; `freeze:intent-committed`
//! stops it there, as SIGSTOP does, until somebody lets it go on.

use rustix::process::Signal;
use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether this build has them.
pub const COMPILED_IN: bool = cfg!(any(debug_assertions, feature = "crash-points"));

/// The variable that names one, for a program of its own.
pub const VARIABLE: &str = "TIDINGS_CRASH_AT";

/// Long enough for a signal to reach every thread of a process.
const CAUGHT: std::time::Duration = std::time::Duration::from_millis(500);

/// Before the name of a place: freeze there, and do not die.
pub const FREEZE: &str = "freeze:";

macro_rules! points {
    ($($(#[$meta:meta])* $point:ident = $name:literal,)*) => {
        /// A place between two steps, in the order in which a text comes by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Point {
            $($(#[$meta])* $point,)*
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// As the environment names it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    /// A posted text is written, and not committed.
    AcceptUncommitted = "accept-uncommitted",
    /// It is committed, and whoever posted it was not answered.
    AcceptCommitted = "accept-committed",
    /// Due texts are taken, and that is not committed.
    ClaimUncommitted = "claim-uncommitted",
    /// They are in this host's memory, surely unsent.
    ClaimCommitted = "claim-committed",
    /// Whether a text is sent is decided, and nothing of that is written.
    Judged = "judged",
    /// The intent to call is written, and not committed.
    IntentUncommitted = "intent-uncommitted",
    /// From here on the text may have been sent.
    IntentCommitted = "intent-committed",
    /// The provider has answered, and only this host's memory knows.
    Answered = "answered",
    /// The answer is written, and not committed.
    ResultUncommitted = "result-uncommitted",
    /// The answer is on the disk.
    ResultCommitted = "result-committed",
    /// What the provider told later is written, and not committed.
    CallbackUncommitted = "callback-uncommitted",
    /// It is on the disk, and the provider was not thanked: it tells it again.
    CallbackCommitted = "callback-committed",
    /// What a dead host left was found, and is not taken over yet.
    LeftBehindFound = "left-behind-found",
    /// The provider was asked about a text, and what follows is not written.
    LookedUp = "looked-up",
    /// It does not list the text; that is written, and not committed.
    AbsenceUncommitted = "absence-uncommitted",
}

/// A word that names no crash point, or a build that has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no crash point of this build; expected such as `intent-committed` or `answered:3`")]
pub struct NotAPoint {
    word: String,
}

impl FromStr for Point {
    type Err = NotAPoint;

    fn from_str(word: &str) -> Result<Self, NotAPoint> {
        let known = Self::ALL.iter().find(|point| COMPILED_IN && point.name() == word);
        known.copied().ok_or_else(|| NotAPoint { word: word.to_owned() })
    }
}

type Reached = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens at crash points; by default nothing.
#[derive(Clone, Default)]
pub struct Crash(Option<Arc<dyn Fn(Point) -> Reached + Send + Sync>>);

impl Crash {
    /// Something happens at every point; whoever comes by waits until it is over.
    pub fn hooked(hook: impl Fn(Point) -> Reached + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// This process dies, or freezes, at the place that the environment names.
    ///
    /// # Errors
    ///
    /// The word names no place, or this build has none.
    pub fn of_process(word: Option<&str>) -> Result<Self, NotAPoint> {
        let Some(word) = word else { return Ok(Self::default()) };
        let (signal, place) = match word.strip_prefix(FREEZE) {
            Some(place) => (Signal::STOP, place),
            None => (Signal::KILL, word),
        };
        let (name, times) = place.split_once(':').unwrap_or((place, "1"));
        let doom: Point = name.parse()?;
        let left = AtomicU32::new(times.parse().map_err(|_| NotAPoint { word: word.to_owned() })?);
        Ok(Self::hooked(move |point| {
            if point == doom && left.fetch_sub(1, Ordering::Relaxed) == 1 {
                signal_self(signal);
            }
            Box::pin(std::future::ready(()))
        }))
    }

    /// Somebody comes by.
    pub async fn at(&self, point: Point) {
        if COMPILED_IN && let Some(hook) = &self.0 {
            hook(point).await;
        }
    }
}

impl fmt::Debug for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "crash points" } else { "no crash points" })
    }
}

/// As a power cut or the kernel would have it: nothing is flushed, nobody is told.
fn signal_self(signal: Signal) {
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    // The kernel may hand it to another thread first, and this one must not go on until it is caught, too:
    // on a busy machine it would come as far as the provider.
    std::thread::sleep(CAUGHT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_found_by_its_name_and_by_no_other() {
        for point in Point::ALL {
            assert_eq!(point.name().parse(), Ok(*point));
        }
        assert!("intent".parse::<Point>().is_err() && Crash::of_process(Some("answered:x")).is_err());
        assert!(Crash::of_process(None).is_ok());
    }
}
