//! `tidings erase` and `tidings export`: a person's rights, from the command line.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::service::{self, PersonError};
use clap::Args;
use std::collections::BTreeMap;
use std::path::Path;

/// Whom it is about.
#[derive(Args)]
pub(super) struct Person {
    /// The clinic's own id of the person.
    #[arg(long)]
    recipient: String,
}

impl Person {
    /// Erases them and prints the certificate.
    pub(super) async fn erase(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        let store = home.store().await?;
        store.migrate().await.map_err(HomeError::from)?;
        let erasure = service::erase(&store, &home.chance, &self.recipient, None, "cli", now())
            .await
            .map_err(|error| self.failed("erased", error))?;
        super::audit::note(&store, "erase", &self.recipient).await?;
        println!(
            "{:#}",
            serde_json::json!({
                "certificate": erasure.id, "recipient": erasure.recipient, "erased_at": erasure.at,
                "asked_by": erasure.asked_by, "canceled": erasure.canceled, "texts": erasure.texts,
                "redactions": erasure.redactions,
            })
        );
        eprintln!("A running host asks the provider to redact {} texts now.", erasure.redactions);
        Ok(())
    }

    /// Prints all that is known of them.
    pub(super) async fn export(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        let store = home.store().await?;
        let progress = super::progress::counter("reading");
        let known =
            service::export(&store, &self.recipient).await.map_err(|error| self.failed("exported", error))?;
        progress.finish_and_clear();
        super::audit::note(&store, "export", &self.recipient).await?;
        println!("{known:#}");
        Ok(())
    }

    fn failed(&self, what: &str, error: PersonError) -> CliError {
        CliError::failed(format!("recipient {} could not be {what}", self.recipient), error)
    }
}
