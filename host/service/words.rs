//! Templates and locales that change while the host runs: read again, and told about once.

use super::Host;
use crate::render::{Catalogue, Fault};
use crate::watch::Watch;
use std::path::Path;

impl Host {
    /// Reads templates and locales again whenever their folders change.
    pub async fn watch_words(&self, home: &Path) {
        let folders = [home.join("templates"), home.join("locales")];
        let mut watch = match Watch::begin(&[&folders[0], &folders[1]]) {
            Ok(watch) => watch,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                return tracing::error!(
                    error,
                    "edits of templates and locales are not seen before a restart"
                );
            }
        };
        loop {
            // Once before the first wait: a file may have changed since it was read.
            self.reload_words().await;
            watch.changed().await;
        }
    }

    /// Reads templates and locales again. Messages that are being rendered end with what they began
    /// with.
    pub async fn reload_words(&self) {
        let renderer = self.renderer.clone();
        let before = renderer.snapshot();
        let Ok(reloaded) = tokio::task::spawn_blocking(move || renderer.reload()).await else {
            return tracing::error!(
                "reading templates and locales made a library panic; they stay as they were"
            );
        };
        match reloaded {
            Ok(None) => {}
            Ok(Some(now)) => tell(&before, &now),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "templates and locales cannot be read, and stay as they were");
            }
        }
    }
}

/// Says what is wrong, and what is in use in its place; a fault that was told about stays untold.
pub fn tell_faults(now: &Catalogue, told: &[Fault]) {
    for fault in now.faults().iter().filter(|fault| !told.contains(fault)) {
        if now.keeps_what_was_before(fault) {
            tracing::warn!("not used, what was good before stays in use:\n{fault}");
        } else {
            tracing::warn!("left out, its texts go out in the next language:\n{fault}");
        }
    }
}

/// Says what has changed.
fn tell(before: &Catalogue, now: &Catalogue) {
    tell_faults(now, before.faults());
    let kept: Vec<&str> = now.kept().collect();
    let locales: Vec<&str> = now.locales().collect();
    tracing::info!(locales = locales.join(" "), kept = kept.join(" "), "templates and locales read again");
}
