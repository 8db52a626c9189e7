//! Progress of what takes long: on a terminal, and quiet in a pipe. It goes with its last copy, so that a command
//! which fails leaves nothing of it behind.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use std::time::Duration;

const REDRAWN: Duration = Duration::from_millis(200);

/// Counts up, where the end is not known.
pub(super) fn counter(what: &'static str) -> ProgressBar {
    spinner("{spinner} {human_pos} {msg} ({per_sec}, {elapsed})", what)
}

/// Shows that something is done, where there is nothing to count.
pub(super) fn working(what: impl Into<String>) -> ProgressBar {
    spinner("{spinner} {msg} ({elapsed})", what)
}

fn spinner(template: &str, what: impl Into<String>) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    // Draws nothing when standard error is no terminal.
    let bar = ProgressBar::new_spinner()
        .with_style(style)
        .with_message(what.into())
        .with_finish(ProgressFinish::AndClear);
    bar.enable_steady_tick(REDRAWN);
    bar
}
