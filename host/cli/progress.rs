//! Progress of what takes long: on a terminal, and quiet in a pipe.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Counts up, where the end is not known.
pub(super) fn counter(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} {msg} ({per_sec}, {elapsed})")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    // Draws nothing when standard error is no terminal.
    let bar = ProgressBar::new_spinner().with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
