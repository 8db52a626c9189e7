//! `tidings locale check`: the gate that a running host keeps too, with all it could say besides.

use crate::cli::CliError;
use crate::cli::home::{HomeError, last_good_words};
use crate::config::Config;
use crate::render::{Fault, RenderLoadError, Renderer, Severity};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::Path;

#[derive(Args)]
#[command(
    after_help = "Example: tidings locale check\n\nExit status: 0 no fault, 1 a fault, 2 wrong arguments or no home.\n\
    A warning that is meant as it is: write `# allow: <rule>` over the message, the term, the format or the list of\n\
    words that it is about. The rules are\n  \
    dear-date dear-letter over-budget   what makes a text cost more\n  \
    direction invisible punctuation script untranslated   its letters and marks\n  \
    extra-key missing-variable plural variant   what it has too much or too little of\n  \
    opt-out-word   a word that seems to be one to send, and ends all texts; in capitals or quotation marks it is a fault"
)]
pub(in crate::cli) struct Check {
    /// Only the files of this locale.
    #[arg(long)]
    locale: Option<String>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Take warnings for faults.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people: the line, a caret, a sentence.
    Text,
    /// For machines: one object.
    Json,
    /// For code hosts that show remarks beside the lines (workflow commands).
    Annotations,
}

impl Check {
    pub(super) fn run(self, home: &Path, config: &Config) -> Result<(), CliError> {
        let progress = crate::cli::progress::working("checking");
        let settings = config.render();
        let (mut findings, renderer) = match Renderer::load(home, &settings) {
            Ok(renderer) => (Vec::new(), Some(renderer)),
            // The others are measured by what was at work last.
            Err(RenderLoadError::Faults(faults)) => {
                (faults.0, Renderer::begin(home, &settings, &last_good_words(home)).ok())
            }
            Err(error) => return Err(HomeError::from(error).into()),
        };
        if let Some(tag) = self.locale.as_ref().filter(|tag| !home.join("locales").join(tag).is_dir()) {
            return Err(HomeError::Account(format!("there is no folder locales/{tag}")).into());
        }
        let mut locales = Vec::new();
        if let Some(catalogue) = renderer.map(|renderer| renderer.snapshot()) {
            locales.extend(catalogue.locales().map(str::to_owned));
            // What is kept is not what lies in the folder, and its warnings are of no use.
            let is_of_file = |finding: &Fault| {
                finding.severity == Severity::Fault || !catalogue.keeps_what_was_before(finding)
            };
            let report = catalogue.report(self.locale.as_deref()).into_iter();
            let more: Vec<Fault> =
                report.filter(|finding| is_of_file(finding) && !findings.contains(finding)).collect();
            findings.extend(more);
        }
        progress.finish_and_clear();
        if locales.is_empty() {
            eprintln!(
                "no translation was looked at: they are measured by templates/ and locales/en, which cannot be read"
            );
        }
        findings.sort_by_key(|finding| finding.severity);
        self.print(&findings, &locales);
        let faults = findings.iter().filter(|finding| finding.severity == Severity::Fault).count();
        let warnings = findings.len() - faults;
        if faults == 0 && !(self.deny_warnings && warnings > 0) {
            return Ok(());
        }
        Err(CliError::plain(format!("{faults} faults and {warnings} warnings in templates and locales")))
    }

    fn print(&self, findings: &[Fault], locales: &[String]) {
        match self.format {
            Format::Text => {
                for finding in findings {
                    println!("{finding}\n");
                }
                let faults = findings.iter().filter(|finding| finding.severity == Severity::Fault).count();
                println!("{} locales, {faults} faults, {} warnings", locales.len(), findings.len() - faults);
            }
            Format::Json => {
                let findings: Vec<_> = findings
                    .iter()
                    .map(|finding| {
                        json!({
                            "severity": finding.severity.name(), "rule": finding.rule, "file": finding.file,
                            "line": finding.line, "column": finding.column, "snippet": finding.snippet,
                            "message": finding.message,
                        })
                    })
                    .collect();
                println!("{:#}", json!({"locales": locales, "findings": findings}));
            }
            Format::Annotations => {
                for finding in findings {
                    println!("{}", annotation(finding));
                }
            }
        }
    }
}

/// `::error file=…,line=…,col=…,title=…::…`, with the characters that would end a part escaped.
fn annotation(finding: &Fault) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let level = match finding.severity {
        Severity::Fault => "error",
        Severity::Warning => "warning",
    };
    let place = if finding.line == 0 {
        String::new()
    } else {
        format!(",line={},col={}", finding.line, finding.column)
    };
    format!(
        "::{level} file={}{place},title={}::{}",
        property(&finding.file),
        property(finding.rule),
        data(&finding.message)
    )
}
