//! `tidings check`: one gate over everything that a clinic edits. All of it is looked at, whatever is
//! broken before it.

use super::CliError;
use super::home::{Home, HomeError};
use crate::policy::{Checked, LoadReport, Mode, PolicyLoadError};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) async fn run(home: &Path, environment: &BTreeMap<String, String>) -> Result<(), CliError> {
    let mut broken = Vec::new();
    let home = match Home::open(home, environment) {
        Ok(home) => {
            println!("configuration  ok");
            home
        }
        Err(error @ HomeError::Config(_)) => {
            println!("configuration  is refused");
            broken.push(error);
            Home::with_defaults(home)?
        }
        Err(error) => return Err(error.into()),
    };
    let mut faults = 0;
    match home.renderer() {
        Ok(renderer) => {
            let catalogue = renderer.snapshot();
            let locales: Vec<&str> = catalogue.locales().collect();
            println!("message types  {}", catalogue.kinds().count());
            println!("locales        {}", locales.join(" "));
            for fault in catalogue.faults() {
                println!("{fault}");
            }
            faults = catalogue.faults().len();
        }
        Err(error) => {
            println!("texts          are refused");
            broken.push(error);
        }
    }
    match home.check_policies().await {
        Ok(checked) => checked.into_iter().for_each(|checked| broken.extend(tell_of_policy(checked))),
        Err(error) => {
            println!("policies       are refused");
            broken.push(error);
        }
    }
    let Some(last) = broken.pop() else {
        return match faults {
            0 => Ok(()),
            faults => Err(CliError::plain(format!("{faults} faults in locales"))),
        };
    };
    for error in broken {
        eprintln!("error: {}", super::chain(&error));
    }
    Err(last.into())
}

/// Prints what is known of a policy, and answers why it cannot be used.
fn tell_of_policy(checked: Checked) -> Option<HomeError> {
    let Checked { file, result } = checked;
    match result {
        Ok(LoadReport::Live(loaded) | LoadReport::Shadow(loaded)) => {
            let description = &loaded.description;
            let types: Vec<&str> =
                description.message_types.iter().map(crate::domain::kind::TypeName::as_str).collect();
            let beside = if loaded.mode == Mode::Shadow { ", as a shadow" } else { "" };
            let (name, version) = (&description.name, &description.version);
            println!("policy         {name} {version} for {}{beside}", types.join(" "));
            None
        }
        Ok(LoadReport::Off { file }) => {
            println!("policy         {} is off", file.display());
            None
        }
        Err(refusal) => {
            println!("policy         {} is refused ({})", file.display(), refusal.code);
            Some(HomeError::Policies(PolicyLoadError::Refused { file, source: refusal }))
        }
    }
}
