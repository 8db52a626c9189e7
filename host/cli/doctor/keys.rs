//! API keys: what each may do, until when, and whether anybody uses it.

use super::{Findings, Health};
use crate::cli::chain;
use crate::cli::home::now;
use crate::service::SCOPES;
use crate::store::{ApiKey, Store};
use chrono::{DateTime, TimeDelta, Utc};

/// A key that ends within this is to be replaced now.
const SOON: TimeDelta = TimeDelta::days(14);

pub(super) async fn look_at_keys(store: &Store, found: &mut Findings) {
    let now = now();
    let keys = match async { store.read().await?.api_keys().await }.await {
        Ok(keys) => keys,
        Err(error) => return found.wrong("api keys", chain(&error)),
    };
    match keys.iter().filter(|key| key.is_valid(now)).count() {
        0 => found.add("api keys", Health::Warning, "none is valid: `tidings key create`"),
        valid => found.ok("api keys", format!("{valid} valid")),
    }
    // One that was taken back opens nothing, and is kept for the record.
    for key in keys.iter().filter(|key| key.revoked_at.is_none()) {
        let (health, text) = about(key, now);
        found.add("api key", health, text);
    }
}

/// What is known of a key, and what to do about it.
fn about(key: &ApiKey, now: DateTime<Utc>) -> (Health, String) {
    let day = |at: DateTime<Utc>| at.format("%F");
    let until = match key.expires_at {
        None => "does not expire".to_owned(),
        Some(at) if at <= now => format!("expired {}", day(at)),
        Some(at) => format!("expires {}", day(at)),
    };
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", day(at)));
    let has_all = SCOPES.iter().all(|scope| key.scopes.iter().any(|held| held == scope));
    let scopes = if has_all { "all scopes".to_owned() } else { key.scopes.join(" ") };
    let mut advice = Vec::new();
    match key.expires_at {
        Some(at) if at <= now => advice.push("it opens nothing: `tidings key revoke` takes it off this list"),
        Some(at) if at <= now + SOON => advice.push("make another with `tidings key create` in time"),
        Some(_) | None => {}
    }
    if has_all {
        advice.push("narrow it: a key that may do less, lost, does less harm");
    }
    if key.last_used_at.is_none() {
        advice.push("revoke it if nobody needs it");
    }
    let mut text = format!("{} ({}…), {}: {scopes}; {until}; {used}", key.name, key.prefix, key.mode.name());
    if advice.is_empty() {
        return (Health::Ok, text);
    }
    text.push_str(". ");
    text.push_str(&advice.join("; "));
    (Health::Warning, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::KeyId;
    use crate::store::KeyMode;

    fn key(scopes: &[&str], expires_in: Option<i64>, is_used: bool) -> (Health, String) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let key = ApiKey {
            id: KeyId(uuid::Uuid::nil()),
            name: "billing".to_owned(),
            prefix: "tdg_live_3fk9".to_owned(),
            mode: KeyMode::Live,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            created_at: now,
            expires_at: expires_in.map(|days| now + TimeDelta::days(days)),
            revoked_at: None,
            last_used_at: is_used.then_some(now),
        };
        about(&key, now)
    }

    #[test]
    fn a_narrow_key_in_use_is_well_and_the_others_are_told_by_what_is_wrong() {
        let (health, text) = key(&["otp"], Some(15), true);
        assert!(
            health == Health::Ok && text.contains("billing (tdg_live_3fk9…), live: otp; expires "),
            "{text}"
        );
        for (told, (health, text)) in [
            ("in time", key(&["otp"], Some(14), true)),
            ("opens nothing", key(&["otp"], Some(0), true)),
            ("all scopes", key(&SCOPES, None, true)),
            ("never used", key(&["otp"], None, false)),
        ] {
            assert!(health == Health::Warning && text.contains(told), "{told}: {text}");
        }
    }
}
