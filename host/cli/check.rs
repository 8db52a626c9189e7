//! `tidings check`: one gate over everything that a clinic edits.

use super::CliError;
use super::home::Home;
use crate::policy::LoadReport;
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
    let (_, reports) = home.policies().await?;
    for report in reports {
        match report {
            LoadReport::Live(loaded) => {
                let types: Vec<&str> = loaded
                    .description
                    .message_types
                    .iter()
                    .map(crate::domain::kind::TypeName::as_str)
                    .collect();
                println!(
                    "policy         {} {} for {}",
                    loaded.description.name,
                    loaded.description.version,
                    types.join(" ")
                );
            }
            LoadReport::Off { file } => println!("policy         {} is off", file.display()),
        }
    }
    let faults = catalogue.faults();
    for fault in faults {
        println!("{fault}");
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(CliError::plain(format!("{} faults in locales", faults.len())))
    }
}
