//! `tidings plugin test`: the cases of `cases.toml`, asked of the real `.wasm` in the real host.

use super::situation::{Ordinary, Situation};
use super::words;
use super::workbench::Workbench;
use crate::cli::{CliError, chain};
use crate::domain::kind::TypeName;
use crate::domain::policy::Fact;
use crate::domain::question::Question;
use crate::policy::{Loaded, Policies, is_withheld};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One case: a situation, the clinic's settings in it, and the answer that is right.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) settings: toml::Table,
    pub(super) situation: Situation,
    expect: Option<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expected {
    Line(String),
    Lines(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// What every case says that does not say otherwise.
    #[serde(default)]
    defaults: toml::Table,
    case: Vec<toml::Table>,
}

/// Reads the cases of a file, each of which must be usable.
pub(super) fn read(file: &Path) -> Result<Vec<Case>, CliError> {
    let all = read_each(file)?.into_iter().collect::<Result<_, _>>();
    all.map_err(|problem| CliError::plain(format!("{}: {problem}", file.display())))
}

/// The same; of those that are not usable why, by their names.
fn read_each(file: &Path) -> Result<Vec<Result<Case, String>>, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::failed(format!("{} cannot be read", file.display()), error))?;
    parse(&text).map_err(|problem| CliError::plain(format!("{}: {problem}", file.display())))
}

fn parse(text: &str) -> Result<Vec<Result<Case, String>>, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    let case = |(number, own): (usize, toml::Table)| {
        let name =
            own.get("name").and_then(toml::Value::as_str).map_or(format!("case {number}"), str::to_owned);
        let mut all = written.defaults.clone();
        merge(&mut all, own);
        all.remove("name");
        Case::of(name.clone(), all).map_err(|error| format!("{name}: {}", error.message()))
    };
    Ok((1..).zip(written.case).map(case).collect())
}

/// What a case says stands over the defaults; facts and settings are taken together, key by key.
fn merge(into: &mut toml::Table, own: toml::Table) {
    for (key, value) in own {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(own)) => known.extend(own),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// What a case came to.
enum Verdict {
    Passed,
    Failed { expected: Vec<String>, answered: Vec<String>, log: Vec<String> },
}

impl Case {
    fn of(name: String, mut all: toml::Table) -> Result<Self, toml::de::Error> {
        let settings = all.remove("settings").map(toml::Value::try_into).transpose()?.unwrap_or_default();
        let expect = all.remove("expect").map(toml::Value::try_into).transpose()?;
        Ok(Self { name, settings, situation: toml::Value::Table(all).try_into()?, expect })
    }

    async fn run(
        &self,
        policies: &Policies,
        loaded: &Loaded,
        ordinary: &Ordinary,
    ) -> Result<Verdict, String> {
        let loaded = policies.with_settings(loaded, self.settings.clone()).await;
        let loaded = loaded.map_err(|refusal| refusal.to_string())?;
        let question = self.situation.question(&loaded.description, ordinary)?;
        is_asked(&loaded, &question)?;
        let (answered, log) = match policies.ask(&loaded, &question).await {
            Ok(answered) => (words::lines(&question, &answered.answer), answered.by.log),
            Err(fault) => (vec![words::fault(fault.code, &fault.text)], Vec::new()),
        };
        let expected = match &self.expect {
            Some(Expected::Line(line)) => vec![line.clone()],
            Some(Expected::Lines(lines)) => lines.clone(),
            None => vec!["(the case has no `expect` yet)".to_owned()],
        };
        Ok(if answered == expected { Verdict::Passed } else { Verdict::Failed { expected, answered, log } })
    }
}

/// Whether the host would ever put this question to the policy, with all that it says.
fn is_asked(loaded: &Loaded, question: &Question) -> Result<(), String> {
    let described = &loaded.description;
    if let Question::Plan(plan) = question
        && !described.events.contains(&plan.event_type)
    {
        let known = described.events.join(" ");
        return Err(format!(
            "the policy is not asked about the event `{}`; it plans: {known}",
            plan.event_type
        ));
    }
    if let Some(kind) = question.message_type().filter(|kind| !described.message_types.contains(kind)) {
        let known: Vec<&str> = described.message_types.iter().map(TypeName::as_str).collect();
        return Err(format!("the policy is not asked about a `{kind}`; it decides for: {}", known.join(" ")));
    }
    let unread = question.facts().iter().find(|fact| !loaded.reads(fact));
    unread.map_or(Ok(()), |Fact { key, .. }| {
        let listed = described.inputs.join(" ");
        Err(if is_withheld(key) {
            format!("no policy is told `{key}`: it looks like a name, a number or an address")
        } else {
            format!("the policy is not told `{key}`: its `inputs` are: {listed}")
        })
    })
}

/// Tries the policies named, or all that have cases.
pub(super) async fn run(bench: &Workbench, which: &[String], file: Option<&Path>) -> Result<(), CliError> {
    let subjects = subjects(bench, which, file)?;
    // Cases are about the policy, not about the home it stands in.
    let ordinary = Ordinary { may_disturb: std::collections::BTreeSet::new(), ..bench.ordinary() };
    let (mut passed, mut failed) = (0_u32, 0_u32);
    let mut fail = |name: &str, problem: &str| {
        failed += 1;
        println!("  FAILED  {name}");
        println!("          {problem}");
    };
    for (wasm, cases) in subjects {
        // Each case brings its settings.
        let (loaded, cases) = match (bench.load_with(&wasm, None).await, read_each(&cases)) {
            (Ok(loaded), Ok(cases)) => (loaded, cases),
            (Err(error), _) | (_, Err(error)) => {
                println!("{}", wasm.display());
                fail("(all of its cases)", &chain(&error));
                continue;
            }
        };
        println!("{} {}", loaded.description.name, loaded.description.version);
        bench.warn_of_types(&loaded);
        for case in cases {
            let case = match case {
                Ok(case) => case,
                Err(problem) => {
                    fail("(cannot be asked)", &problem);
                    continue;
                }
            };
            match case.run(&bench.policies, &loaded, &ordinary).await {
                Ok(Verdict::Passed) => {
                    passed += 1;
                    println!("  ok      {}", case.name);
                }
                Ok(Verdict::Failed { expected, answered, log }) => {
                    fail(&case.name, &format!("expected  {}", listed(&expected)));
                    println!("          answered  {}", listed(&answered));
                    for line in log {
                        println!("          log       {line}");
                    }
                }
                Err(problem) => fail(&case.name, &problem),
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    match (passed, failed) {
        (0, 0) => Err(CliError::plain("there are no cases: nothing was tried")),
        (_, 0) => Ok(()),
        _ => Err(CliError::plain("cases failed")),
    }
}

fn listed(lines: &[String]) -> String {
    if lines.is_empty() { "(nothing)".to_owned() } else { lines.join("\n                    ") }
}

/// The policies to try, each with its cases.
fn subjects(
    bench: &Workbench,
    which: &[String],
    file: Option<&Path>,
) -> Result<Vec<(PathBuf, PathBuf)>, CliError> {
    let cases_of = |name: &str| bench.plugins.join(name).join("cases.toml");
    if which.is_empty() {
        let mut found = Vec::new();
        let folder = &bench.plugins;
        let unreadable = |error| CliError::failed(format!("{} cannot be read", folder.display()), error);
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            if cases_of(&name).is_file() {
                found.push((bench.file(&name), cases_of(&name)));
            }
        }
        found.sort();
        return Ok(found);
    }
    let subject = |which: &String| {
        let wasm = bench.file(which);
        let name = wasm.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (wasm, file.map_or_else(|| cases_of(&name), Path::to_owned))
    };
    Ok(which.iter().map(subject).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_says_only_what_is_not_ordinary() {
        let cases = parse(
            "[defaults]\nzone = 'Asia/Dhaka'\nfacts = { a = 1, b = 2 }\n\
             [[case]]\nname = 'one'\nnow = 2026-11-24T09:00\nexpect = 'send: ok'\n\
             [[case]]\nname = 'two'\nzone = 'Europe/Paris'\nfacts = { b = 3 }\nsettings = { times = 2 }\nexpect = []",
        )
        .unwrap();
        let cases: Vec<Case> = cases.into_iter().map(Result::unwrap).collect();
        let zones: Vec<_> = cases.iter().map(|case| case.situation.zone.as_deref().unwrap()).collect();
        assert_eq!(zones, ["Asia/Dhaka", "Europe/Paris"]);
        assert_eq!(cases[1].situation.facts.to_string(), "a = 1\nb = 3\n");
        assert_eq!(cases[1].settings.to_string(), "times = 2\n");
    }

    #[test]
    fn a_word_that_no_case_knows_is_refused_by_the_name_of_the_case() {
        let mut cases = parse("[[case]]\nname = 'late'\nnwo = '2026-11-24T09:00'").unwrap();
        let refused = cases.remove(0).unwrap_err();
        assert!(refused.starts_with("late: unknown field `nwo`, expected one of `ask`, `now`"), "{refused}");
    }
}
