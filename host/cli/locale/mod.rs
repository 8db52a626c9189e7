//! `tidings locale`: what a translator and who pays for texts want to know, without a running host.

mod check;
mod cost;
mod missing;
mod preview;
mod pseudo;

use super::CliError;
use super::home::HomeError;
use crate::config::Config;
use crate::domain::policy::Discretion;
use crate::render::{Catalogue, Renderer};
use clap::{Subcommand, ValueEnum};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Locale {
    /// Say what is wrong in templates and locales, and what to look at. Exit status 1 for a fault.
    Check(check::Check),
    /// Show a text as a patient would get it, and what it costs.
    Preview(preview::Preview),
    /// What each text costs in each language.
    #[command(after_help = "Example: tidings locale cost")]
    Cost(cost::Cost),
    /// The messages that a language lacks, with the English beside them; or a new language.
    Missing(missing::Missing),
    /// Write two languages that nobody speaks, to try longer texts and the dear alphabet.
    #[command(after_help = "Example: tidings locale pseudo")]
    Pseudo(pseudo::Pseudo),
}

impl Locale {
    #[expect(clippy::unused_async, reason = "stands beside commands that wait")]
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let config = Config::load(home, environment).map_err(HomeError::from)?;
        let read = || {
            let _progress = super::progress::working("reading templates and locales");
            Renderer::load(home, &config.render()).map_err(HomeError::from)
        };
        match self {
            Self::Check(check) => check.run(home, &config),
            Self::Preview(preview) => preview.run(&read()?.snapshot(), &config),
            Self::Cost(cost) => cost.run(&read()?.snapshot(), &config),
            Self::Missing(missing) => missing.run(home, &read()?.snapshot()),
            Self::Pseudo(pseudo) => pseudo.run(home, &read()?.snapshot()),
        }
    }
}

/// A locale of the catalogue, as its folder is called.
fn known<'a>(catalogue: &'a Catalogue, tag: &str) -> Result<&'a str, CliError> {
    catalogue.locales().find(|known| *known == tag).ok_or_else(|| {
        let known: Vec<&str> = catalogue.locales().collect();
        CliError::plain(format!("there are no texts in `{tag}`; there are {}", known.join(", ")))
    })
}

/// How much a text says.
#[derive(Clone, Copy, ValueEnum)]
enum Tone {
    Discreet,
    Standard,
    Detailed,
}

impl From<Tone> for Discretion {
    fn from(tone: Tone) -> Self {
        match tone {
            Tone::Discreet => Self::Discreet,
            Tone::Standard => Self::Standard,
            Tone::Detailed => Self::Detailed,
        }
    }
}
