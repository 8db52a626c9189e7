//! What a policy can do beside computing: ask the calendar, and log. Both are bounded.

use super::bindings::{calendar, log, types};
use super::convert;
use super::limits::Limits;
use super::quantity::{Bytes, Span};
use super::wasi::{Basis, Wasi};
use crate::domain::calendar::{FoldRule, GapRule, from_local, to_local};
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use wasmtime::{Result, Store, UpdateDeadline};

/// Why the host stopped a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("it asked for {asked} of memory, and may have {limit}")]
    Memory { asked: Bytes, limit: Bytes },
    #[error("it ran for more than {0}")]
    Wall(Span),
    #[error("it wrote more than {0} lines to the log")]
    LogFlood(u32),
}

/// What one call has used so far.
pub(super) struct State {
    limits: Limits,
    basis: Basis,
    memory: usize,
    pub(super) log: Log,
    wasi: Option<Box<Wasi>>,
}

impl State {
    pub(super) fn new(limits: &Limits, basis: Basis) -> Self {
        Self { limits: limits.clone(), basis, memory: 0, log: Log::default(), wasi: None }
    }

    pub(super) fn wasi(&mut self) -> &mut Wasi {
        let Self { wasi, basis, limits, .. } = self;
        wasi.get_or_insert_with(|| Wasi::new(*basis, limits))
    }

    /// What was printed rather than logged.
    pub(super) fn printed(&self) -> String {
        self.wasi.as_ref().map(|wasi| wasi.printed()).unwrap_or_default()
    }

    /// The lines of the log, and after them what was printed.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        for line in self.printed().lines().filter(|line| !line.trim().is_empty()) {
            // More than may be logged is more than anybody reads.
            if self.log.write(&self.limits, log::Level::Info, line).is_err() {
                break;
            }
        }
        self.log.into_lines()
    }

    /// The most linear memory the call had: memories do not shrink.
    pub(super) fn memory(&self) -> Bytes {
        Bytes(self.memory)
    }
}

/// Stops the call when it has run for `wall`, and lets other tasks run at each tick.
pub(super) fn bound(store: &mut Store<State>, wall: Span) {
    store.limiter(|state| state);
    store.set_hostcall_fuel(store.data().limits.answer.0);
    store.set_max_component_handles(1_000);
    store.set_epoch_deadline(1);
    let mut left = wall.0.as_millis() / super::engine::TICK.as_millis();
    store.epoch_deadline_callback(move |_| match left.checked_sub(1) {
        Some(less) => {
            left = less;
            Ok(UpdateDeadline::Yield(1))
        }
        None => Err(Stop::Wall(wall).into()),
    });
}

impl wasmtime::ResourceLimiter for State {
    /// All memories count together: a limit for each would be no limit for the policy.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let asked = self.memory.saturating_sub(current).saturating_add(desired);
        if asked > self.limits.memory.0 {
            return Err(Stop::Memory { asked: Bytes(asked), limit: self.limits.memory }.into());
        }
        self.memory = asked;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= maximum.unwrap_or(50_000).min(50_000))
    }
}

/// The lines one call wrote. They may hold what the question held: treat them as patient data.
#[derive(Default)]
pub(super) struct Log {
    lines: Vec<String>,
    bytes: usize,
    calls: u32,
    dropped: u32,
    /// The last line of level `error`: where the SDK's panic hook writes.
    pub(super) last_error: Option<String>,
}

impl Log {
    fn write(&mut self, limits: &Limits, level: log::Level, text: &str) -> Result<(), Stop> {
        self.calls += 1;
        if self.calls > limits.log_calls {
            return Err(Stop::LogFlood(limits.log_calls));
        }
        let text = one_line(text, limits.log_line.0);
        if matches!(level, log::Level::Error) {
            self.last_error = Some(text.clone());
        }
        let line = format!("{}: {text}", convert::level(level));
        let full = self.lines.len() >= limits.log_lines as usize;
        if full || self.bytes + line.len() > limits.log_bytes.0 {
            self.dropped += 1;
        } else {
            self.bytes += line.len();
            self.lines.push(line);
        }
        Ok(())
    }

    /// What is kept, and how much is not.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        match self.dropped {
            0 => {}
            1 => self.lines.push("(one more line was not kept)".to_owned()),
            more => self.lines.push(format!("({more} more lines were not kept)")),
        }
        self.lines
    }
}

/// A text that cannot forge a second line, cut at a character.
pub(super) fn one_line(text: &str, bytes: usize) -> String {
    let cut = &text[..text.floor_char_boundary(bytes)];
    let mut line = cut.replace(|c: char| c.is_control(), " ");
    if cut.len() < text.len() {
        line.push('…');
    }
    line
}

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: log::Level, text: String) -> Result<()> {
        Ok(self.log.write(&self.limits, level, &text)?)
    }
}

impl calendar::Host for State {
    fn to_local(&mut self, at: u64, time_zone: String) -> Result<Result<types::LocalTime, String>> {
        Ok(zone(&time_zone).and_then(|zone| {
            let moment = i64::try_from(at).ok().and_then(DateTime::from_timestamp_millis);
            let moment = moment.filter(|moment| moment.year() <= 9999);
            let moment = moment.ok_or_else(|| format!("{at} ms is no moment before the year 10000"))?;
            Ok(convert::local_time(&to_local(moment, zone)))
        }))
    }

    fn from_local(
        &mut self,
        at: calendar::WallTime,
        time_zone: String,
        gap: calendar::GapRule,
        fold: calendar::FoldRule,
    ) -> Result<Result<u64, String>> {
        let gap = match gap {
            calendar::GapRule::After => GapRule::After,
            calendar::GapRule::Before => GapRule::Before,
        };
        let fold = match fold {
            calendar::FoldRule::Earlier => FoldRule::Earlier,
            calendar::FoldRule::Later => FoldRule::Later,
        };
        Ok(zone(&time_zone).and_then(|zone| {
            let moment = from_local(wall(at)?, zone, gap, fold);
            let since_1970 = moment.and_then(|moment| u64::try_from(moment.timestamp_millis()).ok());
            since_1970.ok_or_else(|| "the time is before 1970".to_owned())
        }))
    }
}

fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| format!("there is no time zone `{}`", one_line(name, 64)))
}

fn wall(at: calendar::WallTime) -> Result<NaiveDateTime, String> {
    let calendar::WallTime { year, month, day, hour, minute, second } = at;
    if !(1970..=9999).contains(&year) {
        return Err(format!("the year {year} is not between 1970 and 9999"));
    }
    let date = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))
        .ok_or_else(|| format!("there is no day {year:04}-{month:02}-{day:02}"))?;
    date.and_hms_opt(u32::from(hour), u32::from(minute), u32::from(second))
        .ok_or_else(|| format!("there is no time of day {hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::calendar::Host as _;
    use super::*;

    fn state() -> State {
        State::new(&Limits::default(), Basis::default())
    }

    #[test]
    fn the_calendar_names_what_does_not_exist() {
        let wall =
            |month, day, hour| calendar::WallTime { year: 2026, month, day, hour, minute: 0, second: 0 };
        let ask = |at, zone: &str| {
            state()
                .from_local(at, zone.to_owned(), calendar::GapRule::After, calendar::FoldRule::Earlier)
                .unwrap()
        };
        assert_eq!(ask(wall(2, 30, 8), "Europe/Paris"), Err("there is no day 2026-02-30".to_owned()));
        assert_eq!(ask(wall(2, 3, 24), "Europe/Paris"), Err("there is no time of day 24:00:00".to_owned()));
        assert_eq!(ask(wall(2, 3, 8), "Mars/Base"), Err("there is no time zone `Mars/Base`".to_owned()));
        assert_eq!(ask(wall(2, 3, 8), "Europe/Paris"), Ok(1_770_102_000_000));
    }

    #[test]
    fn what_the_clocks_show_leads_back() {
        let shown = state().to_local(1_770_102_000_000, "Europe/Paris".to_owned()).unwrap().unwrap();
        assert_eq!((shown.day, shown.hour, shown.utc_offset_minutes), (3, 8, 60));
        assert!(state().to_local(u64::MAX, "Europe/Paris".to_owned()).unwrap().is_err());
    }

    #[test]
    fn a_log_keeps_its_first_lines_and_says_what_it_dropped() {
        let limits = Limits { log_lines: 2, log_calls: 4, ..Limits::default() };
        let mut log = Log::default();
        for number in 0..4 {
            log.write(&limits, log::Level::Info, &format!("line\n{number}")).unwrap();
        }
        assert_eq!(log.write(&limits, log::Level::Info, ""), Err(Stop::LogFlood(4)));
        assert_eq!(log.into_lines(), ["info: line 0", "info: line 1", "(2 more lines were not kept)"]);
    }

    #[test]
    fn a_line_is_cut_at_a_character() {
        assert_eq!(one_line("naïve", 3), "na…");
        assert_eq!(one_line("naïve", 6), "naïve");
    }
}
