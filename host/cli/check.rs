//! `tidings check`: one gate over everything that a clinic edits.

use super::CliError;
use super::home::{Home, HomeError};
use crate::policy::{Checked, LoadReport, Mode, PolicyLoadError};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) async fn run(home: &Path, environment: &BTreeMap<String, String>) -> Result<(), CliError> {
    let home = Home::open(home, environment)?;
    println!("configuration  ok");
    let renderer = home.renderer()?;
    let catalogue = renderer.snapshot();
    let locales: Vec<&str> = catalogue.locales().collect();
    println!("message types  {}", catalogue.kinds().count());
    println!("locales        {}", locales.join(" "));
    let mut refused = None;
    for Checked { file, result } in home.check_policies().await? {
        match result {
            Ok(LoadReport::Live(loaded) | LoadReport::Shadow(loaded)) => {
                let description = &loaded.description;
                let types: Vec<&str> =
                    description.message_types.iter().map(crate::domain::kind::TypeName::as_str).collect();
                let beside = if loaded.mode == Mode::Shadow { ", as a shadow" } else { "" };
                println!(
                    "policy         {} {} for {}{beside}",
                    description.name,
                    description.version,
                    types.join(" ")
                );
            }
            Ok(LoadReport::Off { file }) => println!("policy         {} is off", file.display()),
            Err(refusal) => {
                println!("policy         {} is refused ({}): {refusal}", file.display(), refusal.code);
                refused.get_or_insert(PolicyLoadError::Refused { file, source: refusal });
            }
        }
    }
    let faults = catalogue.faults();
    for fault in faults {
        println!("{fault}");
    }
    match refused {
        Some(error) => Err(HomeError::Policies(error).into()),
        None if faults.is_empty() => Ok(()),
        None => Err(CliError::plain(format!("{} faults in locales", faults.len()))),
    }
}
