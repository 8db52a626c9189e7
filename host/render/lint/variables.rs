//! Variables: those that a message does not have, uses for what they are not, or leaves out; and what Fluent
//! would let pass in silence: an unknown function chooses the default variant, a variable in a term is sent
//! as `{$name}`, a number given as text selects nothing.

use super::super::fault::{Fault, Severity};
use super::super::ftl::FtlFile;
use super::content::{Content, Role, is_certain};
use super::{Call, Checked, Given};
use crate::domain::value::ValueType;

/// What is wrong with the variables and functions of a message.
pub(super) fn check(checked: &Checked<'_, '_>, faults: &mut Vec<Fault>) {
    misused(checked.file, checked.content, faults);
    let calls = checked.calls.map(Vec::as_slice).unwrap_or_default();
    unfit(checked.file, checked.content, calls, "this message", faults);
    lost(checked, faults);
}

/// What is wrong with the variables and functions of a term. Inside a term Fluent knows no variables but
/// those that its caller names.
pub(super) fn check_term(file: &FtlFile, content: &Content<'_>, faults: &mut Vec<Fault>) {
    misused(file, content, faults);
    // By what it is told where it is named, it may choose.
    in_term(file, content, |role| role != Role::Selects, faults);
}

/// Variables where there are none.
pub(super) fn in_term(
    file: &FtlFile,
    content: &Content<'_>,
    is: impl Fn(Role) -> bool,
    faults: &mut Vec<Fault>,
) {
    for (name, _) in content.uses.iter().filter(|(_, role)| is(*role)) {
        let text = format!("a term has only fixed words; put ${name} into the message");
        faults.push(file.fault(name, text).by("variable-in-term"));
    }
}

fn misused(file: &FtlFile, content: &Content<'_>, faults: &mut Vec<Fault>) {
    let misuses = content.misuses.iter();
    faults.extend(misuses.map(|misuse| file.fault(misuse.at, misuse.problem.as_str()).by(misuse.rule)));
}

/// Variables that a call does not hand over to `called`, or not as what they are used for.
pub(super) fn unfit(
    file: &FtlFile,
    content: &Content<'_>,
    calls: &[Call],
    called: &str,
    faults: &mut Vec<Fault>,
) {
    for (name, role) in &content.uses {
        for call in calls {
            let problem = match call.get(*name) {
                None => {
                    let known: Vec<String> = call.keys().map(|known| format!("${known}")).collect();
                    let known = if known.is_empty() { "no variables".to_owned() } else { known.join(", ") };
                    let text = format!("${name} does not exist in {called}; there are {known}");
                    Some(("unknown-variable", text))
                }
                Some(given) => {
                    let problem = given.value_type.and_then(|declared| mistyped(name, declared, *role));
                    problem.map(|text| ("variable-type", text))
                }
            };
            if let Some((rule, problem)) = problem {
                faults.push(file.fault(name, problem).by(rule));
                break;
            }
        }
    }
}

/// What a text leaves out: a translation, of what English says; English, of what there is no text without.
fn lost(checked: &Checked<'_, '_>, faults: &mut Vec<Fault>) {
    let (Some(value), key) = (checked.value, checked.key) else { return };
    let calls = checked.calls.map(Vec::as_slice).unwrap_or_default();
    let is_discreet = key.strip_suffix("-short").unwrap_or(key).ends_with("-discreet");
    let is_short = key.ends_with("-short");
    let all = |name: &str, is: fn(Given) -> bool| {
        !calls.is_empty() && calls.iter().all(|call| call.get(name).is_some_and(|given| is(*given)))
    };
    let is_unsaid = |name: &&str| !is_certain(value, name, checked.names);
    let mut tell = |name: &str, who: &str, is_fault: bool| {
        let text = format!("${name} is missing, in at least one variant; {who}");
        let fault = checked.file.fault(key, text).by("missing-variable");
        faults.push(if is_fault { fault } else { Fault { severity: Severity::Warning, ..fault } });
    };
    if let Some(original) = checked.original {
        for name in original.variables.iter().map(String::as_str).filter(is_unsaid) {
            // A short or discreet text of the translator's own may say less than the plain one, but when.
            let is_needed = if checked.is_in_english {
                all(name, |given| given.required)
            } else {
                is_short && !is_discreet && all(name, Given::is_vital)
            };
            tell(name, "English says it", is_needed);
        }
    } else if checked.is_reference && !is_discreet {
        let given = calls.first().into_iter().flat_map(|call| call.keys().map(String::as_str));
        for name in given.filter(is_unsaid) {
            if is_short && all(name, Given::is_vital) {
                tell(name, "a short text needs it too", true);
            } else if !is_short && all(name, |given| given.required) {
                tell(name, "every such text is given it", all(name, Given::is_vital));
            }
        }
    }
}

fn mistyped(name: &str, declared: ValueType, role: Role) -> Option<String> {
    match (role, declared) {
        (Role::Printed, ValueType::Time) => {
            Some(format!("${name} is a time; write DATETIME(${name}, style: \"day\")"))
        }
        (Role::Dated, other) if other != ValueType::Time => {
            Some(format!("${name} is no time; write {{ ${name} }}"))
        }
        (Role::Counted | Role::Selects, other) if other != ValueType::Number => {
            Some(format!("${name} is no number, so it cannot be counted or choose between variants"))
        }
        _ => None,
    }
}
