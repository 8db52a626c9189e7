//! `tidings doctor`: everything that a host needs in order to work, tried. Each line says what is wrong and
//! what to do.

mod keys;
mod provider;
mod senders;
mod state;

use super::CliError;
use super::home::Home;
use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Args)]
pub(super) struct Doctor {
    /// Print JSON, for machines.
    #[arg(long)]
    json: bool,
}

/// How far two clocks may be apart.
const APART: TimeDelta = TimeDelta::seconds(5);

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    Warning,
    Wrong,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    health: Health,
    /// What was found and, where something is wrong, what to do.
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, what: &'static str, health: Health, text: impl Into<String>) {
        self.0.push(Finding { what, health, text: text.into() });
    }

    fn ok(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, Health::Ok, text);
    }

    fn wrong(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, Health::Wrong, text);
    }
}

impl Doctor {
    pub(super) async fn run(
        self,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let mut found = Findings::default();
        let progress = super::progress::working("looking at the home");
        match Home::open(folder, environment) {
            Ok(home) => {
                found.ok("configuration", "read");
                look_at_home(&home, &mut found).await;
                progress.set_message("asking Twilio");
                provider::look_at_twilio(&home.config, &mut found).await;
            }
            Err(error) => found.wrong("configuration", super::chain(&error)),
        }
        progress.finish_and_clear();
        let wrong = found.0.iter().filter(|finding| finding.health == Health::Wrong).count();
        if self.json {
            let report = serde_json::json!({"healthy": wrong == 0, "findings": found.0});
            println!("{report:#}");
        } else {
            for Finding { what, health, text } in &found.0 {
                let word = match health {
                    Health::Ok => "ok     ",
                    Health::Warning => "warning",
                    Health::Wrong => "WRONG  ",
                };
                println!("{word}  {what:<16}  {text}");
            }
        }
        match wrong {
            0 => Ok(()),
            1 => Err(CliError::plain("one thing is wrong")),
            several => Err(CliError::plain(format!("{several} things are wrong"))),
        }
    }
}

async fn look_at_home(home: &Home, found: &mut Findings) {
    state::look_at_database(home, found).await;
    match home.check_policies().await {
        Ok(checked) => match checked.iter().filter(|policy| policy.result.is_err()).count() {
            0 => found.ok("plugins", format!("{} loaded", checked.len())),
            refused => found.wrong("plugins", format!("{refused} refused: `tidings check` shows them")),
        },
        Err(error) => found.wrong("plugins", super::chain(&error)),
    }
    match home.check_words() {
        Ok(renderer) => {
            let catalogue = renderer.snapshot();
            let locales: Vec<&str> = catalogue.locales().collect();
            let text = format!("{} types in {}", catalogue.kinds().count(), locales.join(" "));
            match catalogue.faults().len() {
                0 => found.ok("texts", text),
                faults => {
                    found.wrong("texts", format!("{text}; {faults} faults: `tidings check` shows them"));
                }
            }
        }
        Err(error) => found.wrong("texts", super::chain(&error)),
    }
    found.ok("time zones", format!("IANA {}", chrono_tz::IANA_TZDB_VERSION));
    state::look_at_disk(&home.folder, found);
}
