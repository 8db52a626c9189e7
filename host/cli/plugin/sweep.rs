//! `tidings plugin sweep`: what a policy answers through whole weeks, by quarter hours, those included in
//! which the clocks change.

use super::situation::{Ask, Situation, zone};
use super::workbench::Workbench;
use super::{cases, sample};
use crate::cli::{CliError, home};
use crate::domain::calendar::{FoldRule, GapRule, from_local, to_local};
use crate::policy::Loaded;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Args)]
pub(in crate::cli) struct Sweep {
    /// A name below plugins/, or the path of a .wasm.
    policy: String,
    /// Whose clock; the clinic's when left out. Repeatable.
    #[arg(long = "zone")]
    zones: Vec<String>,
    /// The first day; today when left out.
    #[arg(long)]
    from: Option<NaiveDate>,
    /// The situation of this case of cases.toml, moved through the week, rather than an ordinary one.
    #[arg(long)]
    case: Option<String>,
}

const QUARTERS: usize = 96;
const WEEK: u64 = 7;

/// One local day: what was answered at each quarter hour that the clock shows, and at those that it
/// shows a second time.
struct Day {
    date: NaiveDate,
    cells: [char; QUARTERS],
    again: [char; QUARTERS],
}

/// What came of the weeks.
#[derive(Default)]
struct Tally {
    answers: BTreeMap<String, u32>,
    faults: u32,
    at_night: u32,
}

impl Sweep {
    pub(super) async fn run(self, bench: &Workbench) -> Result<(), CliError> {
        let wasm = bench.file(&self.policy);
        let loaded = bench.load(&wasm).await?;
        let (situations, loaded) = self.situations(bench, &wasm, loaded).await?;
        let zones = if self.zones.is_empty() {
            vec![bench.config.clinic.time_zone]
        } else {
            self.zones.iter().map(|name| zone(name)).collect::<Result<_, _>>().map_err(CliError::plain)?
        };
        println!(
            "{} {}   # send   . later   x not at all   N send at night   ! fault",
            loaded.description.name, loaded.description.version
        );
        let mut tally = Tally::default();
        let each = zones.iter().flat_map(|zone| situations.iter().map(move |situation| (*zone, situation)));
        for (zone, situation) in each {
            let first = self.from.unwrap_or_else(|| home::now().with_timezone(&zone).date_naive());
            let kind = situation.kind.as_ref().filter(|_| situations.len() > 1);
            let kind = kind.map_or_else(String::new, |kind| format!("{kind}, "));
            for (date, why) in weeks(first, zone) {
                println!("\n{kind}{} from {date}{why}", zone.name());
                println!("                  {:<25}{:<25}{:<25}18:00", "00:00", "06:00", "12:00");
                let progress = crate::cli::progress::working("asking");
                let days = week(bench, &loaded, situation, date, zone, &mut tally).await?;
                progress.finish_and_clear();
                for day in days {
                    print_day(&day);
                }
            }
        }
        println!();
        for (answer, count) in &tally.answers {
            println!("{count:>6}  {answer}");
        }
        match tally {
            Tally { faults: 0, at_night: 0, .. } => Ok(()),
            Tally { faults: 0, at_night, .. } => Err(CliError::plain(format!(
                "it sends at night ({at_night} quarter hours in the host's quiet hours)"
            ))),
            Tally { faults, .. } => Err(CliError::plain(format!("it gave no answer {faults} times"))),
        }
    }

    /// The situations to move through the week, one for each message type, and the policy with the settings of
    /// the case that was asked for.
    async fn situations(
        &self,
        bench: &Workbench,
        wasm: &Path,
        loaded: Loaded,
    ) -> Result<(Vec<Situation>, Loaded), CliError> {
        let Some(name) = &self.case else { return Ok((sample::due(bench, &loaded.description), loaded)) };
        let folder = bench.plugins.join(wasm.file_stem().unwrap_or_default());
        let case = cases::read(&folder.join("cases.toml"))?.into_iter().find(|case| case.name == *name);
        let case = case.ok_or_else(|| CliError::plain(format!("there is no case \"{name}\"")))?;
        if !matches!(case.situation.ask, Ask::Decide | Ask::OnFailure) {
            let text =
                format!("the case \"{name}\" is about no message that is due: there is nothing to sweep");
            return Err(CliError::plain(text));
        }
        let situations = vec![case.situation];
        if case.settings.is_empty() {
            return Ok((situations, loaded));
        }
        let with = bench.policies.with_settings(&loaded, case.settings).await;
        let with = with.map_err(|refusal| CliError::failed("the case's settings are refused", refusal))?;
        Ok((situations, with))
    }
}

/// The week asked for, and those of the next two changes of the clocks.
fn weeks(first: NaiveDate, zone: Tz) -> Vec<(NaiveDate, String)> {
    let noon = |date: NaiveDate| moment(date, NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default(), zone);
    let offset = |date| Some(to_local(noon(date)?, zone).utc_offset_minutes);
    let days = || first.iter_days().take(366);
    let mut weeks = vec![(first, String::new())];
    for (before, date) in days().zip(days().skip(1)) {
        let (Some(old), Some(new)) = (offset(before), offset(date)) else { continue };
        if old != new {
            let monday = date - Days::new(date.weekday().num_days_from_monday().into());
            let way = if new > old { "forward" } else { "back" };
            let why = format!(", the clocks go {way} on {date}");
            if date < first + Days::new(WEEK) {
                weeks[0].1 = why;
            } else {
                weeks.push((monday, why));
            }
        }
    }
    weeks.truncate(3);
    weeks
}

fn moment(date: NaiveDate, time: NaiveTime, zone: Tz) -> Option<DateTime<Utc>> {
    from_local(date.and_time(time), zone, GapRule::After, FoldRule::Earlier)
}

async fn week(
    bench: &Workbench,
    loaded: &Loaded,
    situation: &Situation,
    first: NaiveDate,
    zone: Tz,
    tally: &mut Tally,
) -> Result<Vec<Day>, CliError> {
    let out_of_range = || CliError::plain("that week is out of range");
    let situation = Situation { zone: Some(zone.name().to_owned()), ..situation.clone() };
    let ordinary = bench.ordinary();
    let mut days: Vec<Day> = Vec::new();
    let mut now = moment(first, NaiveTime::MIN, zone).ok_or_else(out_of_range)?;
    let end = moment(first + Days::new(WEEK), NaiveTime::MIN, zone).ok_or_else(out_of_range)?;
    while now < end {
        let local = to_local(now, zone);
        let date = now.with_timezone(&zone).date_naive();
        let quarter = usize::from(local.hour) * 4 + usize::from(local.minute) / 15;
        let at = u64::try_from(now.timestamp_millis()).map_err(|_| out_of_range())?;
        let question = situation.question_at(at, &loaded.description, &ordinary).map_err(CliError::plain)?;
        let cell = match bench.policies.ask(loaded, &question).await {
            Ok(answered) => {
                let answer = answered.answer;
                let code = answer.why().map_or("", |why| why.code.as_str());
                *tally.answers.entry(format!("{}: {code}", answer.kind())).or_default() += 1;
                if sample::sends_at_night(&question, &answer, &bench.config.guard) {
                    tally.at_night += 1;
                    'N'
                } else {
                    match answer.kind() {
                        "send" | "retry" => '#',
                        "defer" => '.',
                        _ => 'x',
                    }
                }
            }
            Err(fault) => {
                *tally.answers.entry(format!("fault {}: {}", fault.code, fault.text)).or_default() += 1;
                tally.faults += 1;
                '!'
            }
        };
        if days.last().is_none_or(|day| day.date != date) {
            days.push(Day { date, cells: [' '; QUARTERS], again: [' '; QUARTERS] });
        }
        if let Some(day) = days.last_mut() {
            let row = if day.cells[quarter] == ' ' { &mut day.cells } else { &mut day.again };
            row[quarter] = cell;
        }
        now += TimeDelta::minutes(15);
    }
    Ok(days)
}

/// Six hours stand together.
fn print_day(day: &Day) {
    let line = |cells: &[char; QUARTERS]| {
        let parts: Vec<String> = cells.chunks(QUARTERS / 4).map(|part| part.iter().collect()).collect();
        parts.join("|")
    };
    println!("  {} {} |{}|", day.date.format("%a"), day.date, line(&day.cells));
    if day.again.iter().any(|cell| *cell != ' ') {
        println!("        and again |{}|", line(&day.again));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weeks_of_the_next_two_clock_changes_are_swept_as_well() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap();
        let found = weeks(first, Tz::America__New_York);
        let dates: Vec<_> = found.iter().map(|(date, why)| format!("{date}{why}")).collect();
        assert_eq!(
            dates,
            [
                "2026-11-24",
                "2027-03-08, the clocks go forward on 2027-03-14",
                "2027-11-01, the clocks go back on 2027-11-07",
            ]
        );
        assert_eq!(weeks(first, Tz::Asia__Dhaka).len(), 1);
        // One that is in the week asked for is shown once.
        let found = weeks(NaiveDate::from_ymd_opt(2027, 3, 10).unwrap(), Tz::America__New_York);
        let dates: Vec<_> = found.iter().map(|(date, why)| format!("{date}{why}")).collect();
        assert_eq!(dates[0], "2027-03-10, the clocks go forward on 2027-03-14");
        assert_eq!(dates[1], "2027-11-01, the clocks go back on 2027-11-07");
    }
}
