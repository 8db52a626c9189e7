//! `tidings plugin backtest`: a candidate answers what was asked before, and the differences are counted.
//! Nothing is sent and nothing is written.

use super::compare::{Difference, difference, kind, line, texts};
use super::report::{Report, Tried};
use super::sample;
use super::workbench::Workbench;
use crate::cli::home::{Home, HomeError, now};
use crate::cli::{CliError, audit, chain};
use crate::config::Guard;
use crate::domain::id::DecisionId;
use crate::domain::policy::{Decision, Description, Plan, PlanQuestion, ReplyAction, RetryDecision};
use crate::domain::question::{Answer, Question};
use crate::policy::{Loaded, Policies};
use crate::store::{self, PastDecision, Store};
use chrono::TimeDelta;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[derive(Args)]
pub(in crate::cli) struct Backtest {
    /// The candidate: a name below plugins/, or the path of a .wasm.
    policy: String,
    /// How far back, in days.
    #[arg(long, default_value = "30d", value_parser = days)]
    since: TimeDelta,
    /// The policy whose decisions are tried again; the one that decides for the candidate's types when left
    /// out.
    #[arg(long)]
    against: Option<String>,
    /// The candidate's settings; the .toml beside it when left out.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// How many cores to use; all when left out.
    #[arg(long)]
    jobs: Option<usize>,
}

/// A hundred years.
const MOST_DAYS: u32 = 36_500;

fn days(text: &str) -> Result<TimeDelta, String> {
    let number = text.strip_suffix('d').and_then(|number| number.parse::<u32>().ok());
    let days = number.filter(|number| (1..=MOST_DAYS).contains(number));
    let days = days.map(|number| TimeDelta::days(number.into()));
    days.ok_or_else(|| format!("expected a number of days from 1d to {MOST_DAYS}d, such as 30d"))
}

/// Decisions that are read and tried at a time: two such pages are all that a backtest has in memory.
const PAGE: u32 = 1000;

/// What all workers share.
struct Trial {
    policies: Policies,
    candidate: Loaded,
    /// The names of the policies whose decisions count.
    against: BTreeSet<String>,
    guard: Guard,
    price: i64,
}

impl Backtest {
    pub(super) async fn run(self, bench: &Workbench, home: &Home) -> Result<(), CliError> {
        let wasm = bench.file(&self.policy);
        if let Some(given) = self.settings.as_deref().filter(|given| !given.is_file()) {
            return Err(CliError::plain(format!("there is no {}", given.display())));
        }
        let settings = self.settings.clone().unwrap_or_else(|| wasm.with_extension("toml"));
        let candidate = bench.load_with(&wasm, Some(&settings)).await?;
        let against = self.against(&candidate.description, home).await?;
        let names: Vec<&str> = against.iter().map(String::as_str).collect();
        println!(
            "{} {} on what {} decided in the last {} days\n",
            candidate.description.name,
            candidate.description.version,
            names.join(" and "),
            self.since.num_days()
        );
        let trial = Arc::new(Trial {
            policies: bench.policies.clone(),
            candidate,
            against,
            guard: bench.config.guard.clone(),
            price: bench.config.twilio.price_per_segment,
        });
        let began = Instant::now();
        let report = self.try_all(&trial, home).await?;
        report.print(&bench.config.twilio.currency);
        let seconds = began.elapsed().as_secs_f64().max(0.001);
        let asked = report.asked();
        let noun = if asked == 1 { "decision" } else { "decisions" };
        println!("{asked} {noun} in {seconds:.1} s");
        match (asked, report.is_sound()) {
            (0, _) => Err(CliError::plain(format!("nothing was tried: {}", report.deciders()))),
            (_, true) => Ok(()),
            (_, false) => Err(CliError::plain("the candidate is not sound")),
        }
    }

    /// Whose decisions are tried again: those of whoever decides for the candidate's types now.
    async fn against(&self, described: &Description, home: &Home) -> Result<BTreeSet<String>, CliError> {
        if let Some(name) = &self.against {
            return Ok(BTreeSet::from([name.clone()]));
        }
        let deciders = home.deciders().await?;
        let names = described.message_types.iter().filter_map(|kind| deciders.get(kind));
        let mut names: BTreeSet<String> = names.cloned().collect();
        names.insert(described.name.clone());
        Ok(names)
    }

    async fn try_all(&self, trial: &Arc<Trial>, home: &Home) -> Result<Report, CliError> {
        let failed = |error| CliError::failed("the decisions cannot be read", error);
        let store = home.store().await?;
        store.migrate().await.map_err(HomeError::from)?;
        audit::note(&store, "plugin backtest", &self.policy).await?;
        let begin = DecisionId::before(now() - self.since);
        let count = store.read().await.map_err(failed)?.count_decisions(begin).await.map_err(failed)?;
        let bar = progress(count);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let jobs = self.jobs.unwrap_or(cores).max(1);
        let mut report = Report::default();
        let mut page = page_after(&store, begin).await.map_err(failed)?;
        while let Some(last) = page.last().map(|past| past.record.id) {
            let read = page.len();
            let mut work = tokio::task::JoinSet::new();
            let share = read.div_ceil(jobs);
            let mut rest = page.into_iter();
            while rest.len() > 0 {
                let (trial, part) = (trial.clone(), rest.by_ref().take(share).collect::<Vec<_>>());
                work.spawn(async move { trial.all(part).await });
            }
            let counted = async {
                while let Some(tried) = work.join_next().await {
                    for one in tried.map_err(|error| CliError::failed("a worker stopped", error))? {
                        report.add(one);
                    }
                }
                Ok::<_, CliError>(())
            };
            // The next are read while these are tried.
            let (next, counted) = tokio::join!(page_after(&store, last), counted);
            counted?;
            page = next.map_err(failed)?;
            bar.inc(read as u64);
        }
        bar.finish_and_clear();
        Ok(report)
    }
}

/// Read in a unit of its own: one that lasted would keep the database from tidying up behind a running host.
async fn page_after(store: &Store, after: DecisionId) -> store::Result<Vec<PastDecision>> {
    store.read().await?.decisions_after(after, PAGE).await
}

/// On standard error, and only where somebody looks.
fn progress(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = "{wide_bar} {pos}/{len} decisions, {per_sec}, {eta} to go";
    // The text is a constant of ours.
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

impl Trial {
    async fn all(&self, decisions: Vec<PastDecision>) -> Vec<Tried> {
        let mut tried = Vec::with_capacity(decisions.len());
        for past in decisions {
            if !self.against.contains(&past.record.policy) {
                tried.push(Tried::Another { policy: past.record.policy });
            } else if let Some(one) = self.one(&past).await {
                tried.push(one);
            }
        }
        tried
    }

    /// `None` for what is not the candidate's to answer.
    async fn one(&self, past: &PastDecision) -> Option<Tried> {
        let record = &past.record;
        let (Some(input), Some(recorded)) = (&record.input, &record.answer) else {
            return Some(Tried::Erased);
        };
        let Ok(question) = Question::read(&record.question, input) else { return Some(Tried::Unreadable) };
        if !self.is_asked(&question) {
            return self.not_asked(past, &question, recorded);
        }
        let about = || match &question {
            Question::Plan(plan) => format!("plan {}", plan.event_type),
            other => other
                .message_type()
                .map_or(other.name().to_owned(), |kind| format!("{} {kind}", other.name())),
        };
        // One that was a fault has no answer.
        let old = || Answer::read(&record.question, recorded).ok();
        let was = |old: Option<&Answer>| old.map_or_else(|| format!("fault {}", record.outcome), kind);
        let new = match self.policies.ask(&self.candidate, &question).await {
            Ok(answered) => answered.answer,
            // It is no worse than what it is tried against.
            Err(fault) if fault.code == record.outcome && old().is_none() => return Some(Tried::Same),
            Err(fault) => {
                let change = format!("{}: {} -> fault {}", about(), was(old().as_ref()), fault.code);
                return Some(Tried::Fault { change, example: format!("{}  {}", record.id, chain(&fault)) });
            }
        };
        let is_same = new.json().is_ok_and(|json| json == *recorded);
        let errors = self.errors(&question, &new, || if is_same { Some(new.clone()) } else { old() });
        // Most are the same: nothing more is made of them.
        if is_same && errors.is_empty() {
            return Some(Tried::Same);
        }
        let old = old();
        let was = was(old.as_ref());
        let shown = old.as_ref().map_or_else(|| was.clone(), |old| line(&question, old));
        // A text that was decided upon more than once is one text: the last decision counts.
        let texts = if past.is_last { texts(&new) - old.as_ref().map_or(0, texts) } else { 0 };
        Some(Tried::Answered {
            difference: old.as_ref().map_or(Difference::Answer, |old| difference(old, &new)),
            change: format!("{}: {was} -> {}", about(), kind(&new)),
            example: format!("{}  {shown} -> {}", record.id, line(&question, &new)),
            texts,
            cost: texts * past.segments.unwrap_or(1).max(1) * self.price,
            errors,
        })
    }

    /// Of an event that only the policy before planned nothing is planned any more: its texts are gone.
    fn not_asked(&self, past: &PastDecision, question: &Question, recorded: &[u8]) -> Option<Tried> {
        let Question::Plan(plan) = question else { return None };
        let old = Answer::read(&past.record.question, recorded).ok()?;
        let texts = -texts(&old);
        (texts < 0).then(|| Tried::Answered {
            difference: Difference::Answer,
            change: format!("plan {}: {} -> not asked any more", plan.event_type, kind(&old)),
            example: format!("{}  {} -> not asked any more", past.record.id, line(question, &old)),
            texts,
            cost: texts * self.price,
            errors: Vec::new(),
        })
    }

    /// What no candidate may do, whatever the policy before it did.
    fn errors(
        &self,
        question: &Question,
        new: &Answer,
        old: impl Fn() -> Option<Answer>,
    ) -> Vec<&'static str> {
        let writes_to_opted_out = match (question, new) {
            (Question::Decide(question), Answer::Decide(Decision::Send { .. })) => question.to.opted_out,
            (Question::OnFailure(question), Answer::OnFailure(RetryDecision::Retry { .. })) => {
                question.to.opted_out
            }
            (Question::OnReply(question), Answer::OnReply(ReplyAction::Answer { .. })) => {
                question.who.opted_out
            }
            (Question::Plan(question), Answer::Plan(plan)) => plans_for_opted_out(question, plan, old()),
            _ => false,
        };
        let hears_stop = |answer: &Answer| matches!(answer, Answer::OnReply(ReplyAction::OptOut { .. }));
        let overhears_stop = matches!(new, Answer::OnReply(_))
            && !hears_stop(new)
            && old().is_some_and(|old| hears_stop(&old));
        [
            (writes_to_opted_out, "would write to somebody who said stop"),
            (overhears_stop, "would not hear somebody who says stop"),
            (sample::sends_at_night(question, new, &self.guard), "would send at night what may not disturb"),
        ]
        .into_iter()
        .filter_map(|(is_so, what)| is_so.then_some(what))
        .collect()
    }

    /// Whether the host would put this question to the candidate.
    fn is_asked(&self, question: &Question) -> bool {
        let described = &self.candidate.description;
        match question {
            Question::Plan(plan) => described.events.contains(&plan.event_type),
            other => other.message_type().is_none_or(|kind| described.message_types.contains(kind)),
        }
    }
}

/// Whether a text is planned for somebody who said stop, where none was planned for them before. That one
/// was is no fault of the candidate: whether it goes out is asked again when it is due.
fn plans_for_opted_out(question: &PlanQuestion, plan: &Plan, old: Option<Answer>) -> bool {
    let before = match old {
        Some(Answer::Plan(old)) => old.messages,
        Some(_) | None => Vec::new(),
    };
    let said_stop =
        |to: &str| question.people.iter().any(|person| person.reference == to && person.opted_out);
    let is_new = |to: &str| !before.iter().any(|message| message.to == to);
    plan.messages.iter().any(|message| said_stop(&message.to) && is_new(&message.to))
}
