//! What a backtest found, counted and shown.

use super::compare::Difference;
use std::collections::{BTreeMap, BTreeSet};

/// So many examples are shown of each change.
const EXAMPLES: usize = 3;

/// What came of asking one recorded question again.
pub(super) enum Tried {
    /// The answer is the same, to the byte.
    Same,
    /// It was answered.
    Answered {
        difference: Difference,
        /// `appointment-reminder decide: send: ok -> defer: sunday`
        change: String,
        /// The decision and both answers.
        example: String,
        /// Texts more or fewer, and what they cost, in millionths.
        texts: i64,
        cost: i64,
        /// What speaks against the candidate, in words.
        errors: Vec<&'static str>,
    },
    /// The candidate gave no answer.
    Fault { change: String, example: String },
    /// Another policy's decision, which is not this candidate's to make.
    Another { policy: String },
    /// The person was erased, and with them what was asked.
    Erased,
    /// It cannot be read by this version.
    Unreadable,
}

#[derive(Default)]
struct Change {
    count: u64,
    examples: Vec<String>,
}

/// Counts of what was tried.
#[derive(Default)]
pub(super) struct Report {
    same: u64,
    reason: u64,
    answer: u64,
    faults: u64,
    erased: u64,
    unreadable: u64,
    others: BTreeSet<String>,
    texts: i64,
    cost: i64,
    changes: BTreeMap<(Difference, String), Change>,
    errors: BTreeMap<&'static str, Change>,
    broken: BTreeMap<String, Change>,
}

impl Change {
    fn add(&mut self, example: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example.to_owned());
        }
    }

    fn print(&self, what: &str) {
        println!("{:>8}  {what}", self.count);
        for example in &self.examples {
            println!("            {example}");
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, tried: Tried) {
        match tried {
            Tried::Same => self.same += 1,
            Tried::Answered { difference, change, example, texts, cost, errors } => {
                match difference {
                    Difference::Same => self.same += 1,
                    Difference::Reason => self.reason += 1,
                    Difference::Answer => self.answer += 1,
                }
                self.texts += texts;
                self.cost += cost;
                for error in errors {
                    self.errors.entry(error).or_default().add(&example);
                }
                if difference != Difference::Same {
                    self.changes.entry((difference, change)).or_default().add(&example);
                }
            }
            Tried::Fault { change, example } => {
                self.faults += 1;
                self.broken.entry(change).or_default().add(&example);
            }
            Tried::Another { policy } => drop(self.others.insert(policy)),
            Tried::Erased => self.erased += 1,
            Tried::Unreadable => self.unreadable += 1,
        }
    }

    /// How many questions were asked.
    pub(super) fn asked(&self) -> u64 {
        self.same + self.reason + self.answer + self.faults
    }

    /// Who did decide, where nothing of it was the candidate's to try.
    pub(super) fn deciders(&self) -> String {
        let names: Vec<&str> = self.others.iter().map(String::as_str).collect();
        match (names.is_empty(), self.erased + self.unreadable) {
            (false, _) => format!("what was decided was decided by {}", names.join(", ")),
            (true, 0) => "nothing was decided in that time".to_owned(),
            (true, _) => "what was decided was erased since, or is not readable".to_owned(),
        }
    }

    /// Whether nothing was found that speaks against the candidate.
    pub(super) fn is_sound(&self) -> bool {
        self.faults == 0 && self.errors.is_empty()
    }

    pub(super) fn print(&self, currency: &str) {
        println!("{:>8}  same", self.same);
        println!("{:>8}  reason changed", self.reason);
        println!("{:>8}  answer changed", self.answer);
        println!("{:>8}  fault", self.faults);
        if self.erased + self.unreadable > 0 {
            println!("{:>8}  not asked: erased since, or not readable", self.erased + self.unreadable);
        }
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|((difference, _), change)| std::cmp::Reverse((*difference, change.count)));
        if !changes.is_empty() {
            println!("\nChanges");
        }
        for ((_, what), change) in changes {
            change.print(what);
        }
        let sign = if self.texts < 0 { "fewer" } else { "more" };
        let cost = in_units(self.cost.abs());
        let noun = if self.texts.abs() == 1 { "text" } else { "texts" };
        println!("\n{} {noun} {sign}, about {cost} {currency}", self.texts.abs());
        if !self.is_sound() {
            println!("\nErrors");
        }
        for (what, change) in &self.broken {
            change.print(what);
        }
        for (what, change) in &self.errors {
            change.print(what);
        }
    }
}

/// Millionths as people write them: `12.75`.
fn in_units(micros: i64) -> String {
    format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}
