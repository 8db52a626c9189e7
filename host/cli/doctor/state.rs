//! What the home keeps: the database, and the folder of the keys.

use super::{APART, Findings, Health, keys};
use crate::cli::chain;
use crate::cli::home::{Home, now};
use crate::store::{KeysFit, Schema};
use std::path::Path;

/// Less than this is little room on the disk.
const ROOM: u64 = 1 << 30;

/// Looks, and changes nothing: a database that is not there is not made, and an older one stays as it is.
pub(super) async fn look_at_database(home: &Home, found: &mut Findings) {
    if home.config.database.url.is_none() && !home.database_file().exists() {
        let text = "there is none yet: `tidings serve` or `tidings migrate` makes it";
        return found.add("database", Health::Warning, text);
    }
    let store = match home.store().await {
        Ok(store) => store,
        Err(error) => return found.wrong("database", chain(&error)),
    };
    match store.schema().await {
        Ok(Schema { behind: 0, ahead: 0 }) => {
            found.ok("database", format!("{}, up to date", store.engine()));
        }
        Ok(Schema { ahead: 1.., .. }) => {
            let text = "a newer Tidings has migrated it: run that one; this one will not start on it";
            return found.wrong("database", format!("{}, {text}", store.engine()));
        }
        Ok(Schema { behind, .. }) => {
            let text = format!(
                "{}, {behind} steps behind: `tidings serve` or `tidings migrate` makes them",
                store.engine()
            );
            return found.add("database", Health::Warning, text);
        }
        Err(error) => return found.wrong("database", chain(&error)),
    }
    match store.clock().await {
        Ok(theirs) if (theirs - now()).abs() <= APART => found.ok("clock", "agrees with the database"),
        Ok(theirs) => {
            let apart = (theirs - now()).num_seconds();
            found.wrong("clock", format!("is {apart} s apart from the database's; run NTP on both machines"));
        }
        Err(error) => found.wrong("clock", chain(&error)),
    }
    keys::look_at_keys(&store, found).await;
    match store.keys_fit().await {
        Ok(fit) => look_at_fit(&fit, &home.folder.join(".tidings/keys"), found),
        Err(error) => found.wrong("keys", chain(&error)),
    }
}

/// Hosts on one database share one folder of keys.
fn look_at_fit(fit: &KeysFit, folder: &Path, found: &mut Findings) {
    let folder = folder.display();
    if !fit.lacking.is_empty() {
        let lacking = fit.lacking.join(" ");
        found.wrong(
            "keys",
            format!("people's keys are wrapped by {lacking}, which {folder} lacks: all hosts of a database share one folder of keys; bring it from the host where the master key was changed"),
        );
    } else if fit.signs_alike == Some(false) {
        found.wrong(
            "keys",
            format!("the newest line of the audit is not signed with {folder}/index.key: another host has other keys, or the line was changed; `tidings audit verify` looks through all of it"),
        );
    } else {
        found.ok("keys", "those that the database was written with");
    }
    if fit.hosts > 1 {
        let text = format!(
            "{} share this database: all must share {folder} too, most of all when a key is changed; what a key may do in a minute each counts for itself",
            fit.hosts
        );
        found.ok("hosts", text);
    }
}

pub(super) fn look_at_disk(folder: &Path, found: &mut Findings) {
    let state = folder.join(".tidings");
    let keys = state.join("keys");
    let is_open = |entry: std::io::Result<std::fs::DirEntry>| {
        let permissions = entry.and_then(|entry| entry.metadata()).map(|file| file.permissions());
        permissions.map_or(true, |found| std::os::unix::fs::PermissionsExt::mode(&found) & 0o077 != 0)
    };
    match std::fs::read_dir(&keys).map(|mut files| files.any(is_open)) {
        Ok(false) => found.ok("master keys", "readable by their owner alone"),
        Ok(true) => {
            found.wrong("master keys", format!("others can read {}: chmod -R go= it", keys.display()));
        }
        Err(error) => found.wrong("master keys", format!("cannot be looked at: {error}")),
    }
    match rustix::fs::statvfs(&state) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} MiB free at {}", free >> 20, state.display());
            let health = if free < ROOM { Health::Warning } else { Health::Ok };
            found.add("disk", health, text);
        }
        Err(error) => found.wrong("disk", format!("cannot be looked at: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lacking: &[&str], signs_alike: Option<bool>, hosts: i64) -> Vec<(&'static str, Health)> {
        let lacking = lacking.iter().map(|id| (*id).to_owned()).collect();
        let mut found = Findings::default();
        look_at_fit(&KeysFit { lacking, signs_alike, hosts }, Path::new("keys"), &mut found);
        found.0.iter().map(|finding| (finding.what, finding.health)).collect()
    }

    #[test]
    fn a_host_with_keys_of_its_own_on_a_shared_database_is_wrong() {
        assert!(told(&[], None, 1) == [("keys", Health::Ok)]);
        assert!(told(&[], Some(true), 2) == [("keys", Health::Ok), ("hosts", Health::Ok)]);
        assert!(told(&["0a1b2c3d"], Some(true), 2)[0] == ("keys", Health::Wrong));
        assert!(told(&[], Some(false), 2)[0] == ("keys", Health::Wrong));
    }
}
