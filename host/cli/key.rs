//! `tidings key`: API keys are made, listed and taken back.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::domain::id::KeyId;
use crate::service::{NewKey, SCOPES};
use crate::store::KeyMode;
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Key {
    /// Make a key. It is shown once.
    #[command(after_help = "Example: tidings key create --name booking --scope events:write --expires 90d")]
    Create(Create),
    /// List the keys, without the keys themselves.
    List,
    /// Take a key back, at once.
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
    /// What it may do; all of it when left out. Repeatable.
    #[arg(long = "scope", value_parser = clap::builder::PossibleValuesParser::new(SCOPES))]
    scopes: Vec<String>,
    /// The key reaches the sandbox only.
    #[arg(long)]
    test: bool,
    /// How many days it lives, such as 90d; for ever when left out.
    #[arg(long, value_parser = days)]
    expires: Option<TimeDelta>,
}

fn days(text: &str) -> Result<TimeDelta, String> {
    let number = text.strip_suffix('d').and_then(|number| number.parse::<u32>().ok());
    number
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
                let new = NewKey { name: create.name, mode, scopes, expires_in: create.expires };
                let prepared = new.prepare(&mut *home.chance.lock(), now());
                let key = prepared
                    .keep(&store)
                    .await
                    .map_err(|error| CliError::failed("the key could not be kept", error))?;
                println!("{}", key.expose());
                eprintln!("This is the only time the key is shown.");
            }
            Self::List => {
                let mut tx = store.read().await.map_err(failed)?;
                for key in tx.api_keys().await.map_err(failed)? {
                    let state = match (key.revoked_at, key.expires_at) {
                        (Some(at), _) => format!("revoked {}", at.format("%F")),
                        (None, Some(at)) => format!("expires {}", at.format("%F")),
                        (None, None) => "valid".to_owned(),
                    };
                    println!(
                        "{}  {}…  {}  {}  {}",
                        key.id,
                        key.prefix,
                        state,
                        key.name,
                        key.scopes.join(" ")
                    );
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
                println!("revoked");
            }
        }
        Ok(())
    }
}
