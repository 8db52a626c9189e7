//! Messages that others stand for. They have the variables of the one that a template calls, and inside a term
//! none: what they lack would be found by a patient, who gets the text in English.

use super::content::{Content, Name};
use super::names::Names;
use super::reading::Dictionary;
use super::variables;
use super::{Call, Calls, base};
use crate::render::fault::Fault;

/// Names that are followed from one message: at so many Fluent gives up by itself.
const FAR: usize = 100;

/// What called messages lack for those that they stand for.
pub(super) fn check(names: &Names<'_>, dictionary: &Dictionary<'_>, calls: &Calls, faults: &mut Vec<Fault>) {
    let mut begun: Vec<&str> = Vec::new();
    let mut told: Vec<(&str, bool)> = Vec::new();
    for from in names.standing_for_others().filter(|name| !name.is_term).map(|name| name.name) {
        let Some(calls) = calls.get(base(from)).filter(|_| !begun.contains(&from)) else { continue };
        begun.push(from);
        for (reached, is_in_term) in reach(names, Name { is_term: false, name: from }) {
            if reached.is_term || told.contains(&(reached.name, is_in_term)) {
                continue;
            }
            let before = faults.len();
            lacks(names, dictionary, (from, calls), (reached, is_in_term), faults);
            if faults.len() > before {
                told.push((reached.name, is_in_term));
            }
        }
    }
}

/// What the called message `from` lacks for one that it stands for.
fn lacks(
    names: &Names<'_>,
    dictionary: &Dictionary<'_>,
    (from, calls): (&str, &[Call]),
    (reached, is_in_term): (Name<'_>, bool),
    faults: &mut Vec<Fault>,
) {
    let (Some(file), Some(value)) = (names.file_of(reached), dictionary.get(reached)) else { return };
    let mut content = Content::default();
    content.read(Some(value));
    if is_in_term {
        variables::in_term(file, &content, |_| true, faults);
    } else {
        variables::unfit(file, &content, calls, &format!("`{from}`, which stands for this message"), faults);
    }
}

/// All that a message stands for, each with whether a term is on the way.
fn reach<'a>(names: &Names<'a>, from: Name<'a>) -> Vec<(Name<'a>, bool)> {
    let mut seen = vec![(from, false)];
    let mut at = 0;
    while let Some((name, is_in_term)) = seen.get(at).copied().filter(|_| at < FAR) {
        for next in names.stands_for(name) {
            let next = (next, is_in_term || next.is_term);
            if !seen.contains(&next) {
                seen.push(next);
            }
        }
        at += 1;
    }
    seen.split_off(1)
}
