//! What is written to the log, as a test hears it.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Hears what its own thread says, which is a whole host in a test of one thread, until it is dropped.
pub(crate) struct Heard {
    said: Said,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

/// Whoever listens is not the only one. While `tracing` knows one listener alone, it asks that of the thread which
/// comes first to a line of the log whether anybody hears it; on the thread of another test nobody does, and from
/// then on the line is said to nobody. With a second listener all of them are asked.
pub(crate) fn prepare() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(NoSubscriber::default()));
}

impl Heard {
    /// At every level.
    pub(crate) fn everything() -> Self {
        prepare();
        let said = Said::default();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(LevelFilter::TRACE)
            .with_writer(said.clone())
            .finish();
        Self { said, _guard: tracing::subscriber::set_default(log) }
    }

    /// So far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.0.lock().unwrap()).into_owned()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
