//! `tidings key`: API keys are made, listed and taken back.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::domain::id::KeyId;
use crate::service::{NewKey, SCOPES, check_scope};
use crate::store::{ApiKey, KeyMode};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Key {
    /// Make a key. It is shown once.
    #[command(after_help = "Examples:
  tidings key create --name booking --scope events:write --expires 90d
  tidings key create --name reminders --scope messages:write:appointment-reminder
  tidings key create --name staging --test")]
    Create(Create),
    /// List the keys, without the keys themselves, and when each was last used.
    #[command(after_help = "Example: tidings key list")]
    List,
    /// Make a new master key and wrap everybody's keys with it, beside a running host.
    #[command(after_help = "Example: tidings key rotate-master")]
    RotateMaster(super::rotate::RotateMaster),
    /// Make a new key for one-time codes, beside a running host. The older one goes when its last code has
    /// ended.
    #[command(after_help = "Example: tidings key rotate-codes")]
    RotateCodes,
    /// Take a key back, at once.
    #[command(after_help = "Example: tidings key revoke 019ab000-0000-7000-8000-000000000000")]
    Revoke {
        /// The key's id, from `tidings key list`.
        id: KeyId,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// For people: which system will use it.
    #[arg(long)]
    name: String,
    /// What it may do; all of it when left out. Repeatable. `messages:write` and `messages:read` can be
    /// narrowed to one message type: `messages:write:otp`.
    #[arg(long = "scope", value_parser = scope)]
    scopes: Vec<String>,
    /// The key runs the whole path and reaches the built-in Twilio only.
    #[arg(long)]
    test: bool,
    /// How many days it lives, such as 90d; for ever when left out.
    #[arg(long, value_parser = days)]
    expires: Option<TimeDelta>,
}

fn scope(text: &str) -> Result<String, String> {
    check_scope(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn days(text: &str) -> Result<TimeDelta, String> {
    let number = text.strip_suffix('d').and_then(|number| number.parse::<u32>().ok());
    number
        .filter(|number| (1..=36_500).contains(number))
        .map(|number| TimeDelta::days(number.into()))
        .ok_or_else(|| "expected a number of days, such as 90d".to_owned())
}

impl Key {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        let store = home.store().await?;
        let failed = |error| CliError::failed("the keys could not be read or written", error);
        store.migrate().await.map_err(HomeError::from)?;
        match self {
            Self::Create(create) => {
                let scopes =
                    if create.scopes.is_empty() { SCOPES.map(str::to_owned).to_vec() } else { create.scopes };
                let mode = if create.test { KeyMode::Test } else { KeyMode::Live };
                let name = create.name.clone();
                let new = NewKey { name: create.name, mode, scopes, expires_in: create.expires };
                let prepared = new.prepare(&mut *home.chance.lock(), now());
                let key = prepared
                    .keep(&store)
                    .await
                    .map_err(|error| CliError::failed("the key could not be kept", error))?;
                super::audit::note(&store, "key create", &name).await?;
                println!("{}", key.expose());
                eprintln!("This is the only time the key is shown.");
            }
            Self::RotateCodes => {
                let codes = store.keys().codes();
                let new = codes.rotate(&home.chance).map_err(HomeError::from)?;
                super::audit::note(&store, "key rotate-codes", &new.id).await?;
                println!("new one-time codes follow from the key {}", new.id);
                println!("the older {} until the last code has ended", remaining(codes.retired().len()));
            }
            Self::RotateMaster(rotate) => rotate.run(&store).await?,
            Self::List => {
                let mut tx = store.read().await.map_err(failed)?;
                for key in tx.api_keys().await.map_err(failed)? {
                    println!("{}", line(&key, now()));
                }
            }
            Self::Revoke { id } => {
                let mut tx = store.begin().await.map_err(failed)?;
                let revoked = tx.revoke_api_key(id, now()).await.map_err(failed)?;
                tx.commit().await.map_err(failed)?;
                if !revoked {
                    return Err(CliError::plain(format!(
                        "there is no valid key {id}; see `tidings key list`"
                    )));
                }
                super::audit::note(&store, "key revoke", &id.to_string()).await?;
                println!("revoked");
            }
        }
        Ok(())
    }
}

fn remaining(keys: usize) -> String {
    if keys == 1 { "one stays".to_owned() } else { format!("{keys} stay") }
}

fn line(key: &ApiKey, now: DateTime<Utc>) -> String {
    let day = |at: DateTime<Utc>| at.format("%F").to_string();
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", day(at)),
        (None, Some(at)) if at <= now => format!("expired {}", day(at)),
        (None, Some(at)) => format!("expires {}", day(at)),
        (None, None) => "valid".to_owned(),
    };
    let used = key
        .last_used_at
        .map_or_else(|| "never used".to_owned(), |at| format!("used {}", at.format("%F %H:%MZ")));
    format!("{}  {}…  {state}  {used}  {}  {}", key.id, key.prefix, key.name, key.scopes.join(" "))
}
