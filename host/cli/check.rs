//! `tidings check`: one gate over everything that a clinic edits. All of it is looked at, whatever is
//! broken before it.

use super::CliError;
use super::home::{Home, HomeError};
use crate::policy::{Checked, LoadReport, Mode, PolicyLoadError};
use crate::render::Catalogue;
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
    let progress = super::progress::working("reading templates and locales");
    let renderer = home.check_words();
    progress.finish_and_clear();
    match renderer {
        Ok(renderer) => {
            let catalogue = renderer.snapshot();
            let locales: Vec<&str> = catalogue.locales().collect();
            println!("message types  {}", catalogue.kinds().count());
            println!("locales        {}", locales.join(" "));
            if home.config.clinic.phone.is_none() && names_the_phone(&catalogue) {
                println!(
                    "warning        [clinic] phone is not set: the answer to HELP names no number to call"
                );
            }
            for fault in catalogue.faults() {
                println!("{fault}");
            }
            faults = catalogue.faults().len();
        }
        Err(error) => {
            let is_kept = home.renderer().is_ok();
            let instead = if is_kept { "; a host goes on with those that were good before" } else { "" };
            println!("texts          are refused{instead}");
            broken.push(error);
        }
    }
    let progress = super::progress::working("compiling policies");
    let checked = home.check_policies().await;
    progress.finish_and_clear();
    match checked {
        Ok(checked) => {
            for checked in checked {
                warn_of_types(&home.folder, &checked);
                broken.extend(tell_of_policy(checked));
            }
        }
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

/// Whether HELP is answered with the number of the clinic, where it has one.
fn names_the_phone(catalogue: &Catalogue) -> bool {
    let answer = catalogue.kinds().find(|kind| kind.name.as_str() == "reply-help");
    answer.is_some_and(|kind| {
        kind.variables.values().any(|variable| variable.from.as_deref() == Some("clinic.phone"))
    })
}

/// Says which message types of a policy the clinic has no words for.
fn warn_of_types(home: &Path, checked: &Checked) {
    let Ok(LoadReport::Live(loaded)) = &checked.result else { return };
    let (name, types) = (&loaded.description.name, &loaded.description.message_types);
    for kind in types.iter().filter(|kind| !home.join(format!("templates/{kind}.toml")).is_file()) {
        println!(
            "warning        {name} decides for `{kind}`, and there is no templates/{kind}.toml: none is planned or sent"
        );
    }
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
