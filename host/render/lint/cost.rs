//! What a locale's texts cost over a year. Days and hours that are written with letters of the same
//! price are one case, so that a whole year is a handful of renders.

use super::super::arguments;
use super::super::catalogue::{Catalogue, budget};
use super::super::fault::Fault;
use super::super::flaw::Flaw;
use super::super::formats::{Formats, Style};
use super::super::locale::Locale;
use super::super::{Links, RenderRequest, ftl::FtlFile};
use super::{base, messages};
use crate::domain::kind::{Kind, OnMissing, Variable};
use crate::domain::message::Lane;
use crate::domain::policy::Discretion;
use crate::domain::segments::{self, Encoding, Segments, septets};
use crate::domain::value::{Value, ValueType};
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A year that begins on no special day; every weekday meets every month in it.
const YEAR: i32 = 2027;

const DISCRETIONS: [Discretion; 3] = [Discretion::Discreet, Discretion::Standard, Discretion::Detailed];

/// A text over the year: on how many days it costs how many segments, at the dearest hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Year {
    pub(in super::super) days: BTreeMap<u32, u32>,
}

/// Days, or hours, that cost the same; the first one stands for all.
struct Case<T> {
    first: T,
    count: u32,
    /// A letter outside GSM-7, with its word.
    letter: Option<(char, String)>,
}

/// What should be looked at in the prices of a locale.
pub(super) fn check(catalogue: &Catalogue, locale: &Arc<Locale>) -> Vec<Fault> {
    let calendar = Calendar::of(&locale.formats);
    let mut found = Vec::new();
    for kind in catalogue.templates.kinds.values() {
        let keys = called(catalogue, kind);
        let mut worst: Option<(u32, u32)> = None;
        let mut flawed: Option<Flaw> = None;
        for (discretion, nth) in DISCRETIONS.into_iter().flat_map(|d| (0..samples(kind)).map(move |n| (d, n)))
        {
            let year = match calendar.year(catalogue, locale, kind, discretion, nth) {
                Ok(year) => year,
                Err(flaw) => {
                    flawed.get_or_insert(flaw);
                    continue;
                }
            };
            let over = year.days.iter().filter(|(parts, _)| **parts > budget(kind, &locale.tag));
            let over = over.fold((0, 0), |(most, days), (parts, count)| (most.max(*parts), days + count));
            if over.1 > 0 {
                worst = worst.max(Some(over));
            }
        }
        if let Some((parts, days)) = worst {
            let when =
                if times(kind).next().is_some() { format!(" on {days} of 365 days") } else { String::new() };
            let text = format!(
                "with its samples, {} costs up to {parts} segments{when}, {} allowed{}; `-short` messages help",
                kind.name,
                budget(kind, &locale.tag),
                held(kind)
            );
            found.push(at_first(locale, &keys, text).warn("over-budget"));
        } else if let Some(parts) =
            own_parts(catalogue, locale, kind).filter(|p| *p > budget(kind, &locale.tag))
        {
            let text = format!(
                "with the clinic's own name, domain, app hash and digits, {} costs {parts} segments, {} allowed{}; a \
                 shorter name or domain helps, and so do `-short` messages",
                kind.name,
                budget(kind, &locale.tag),
                held(kind)
            );
            found.push(at_first(locale, &keys, text).warn("over-budget"));
        }
        found.extend(calendar.dear_words(catalogue, locale, kind, &keys));
        // A key that is missing is told about as such.
        if let Some(flaw) = flawed.filter(|flaw| flaw.code != "missing-key") {
            let text = format!("with its samples, {} cannot be written in this language: {flaw}", kind.name);
            found.push(at_first(locale, &keys, text).warn(flaw.code));
        }
    }
    found
}

/// What becomes of a text above its budget.
const fn held(kind: &Kind) -> &'static str {
    match kind.on_missing {
        OnMissing::Hold => ", and such texts are held",
        OnMissing::Fallback => "",
    }
}

/// The most segments of a text with a code as this clinic sends it.
fn own_parts(catalogue: &Catalogue, locale: &Arc<Locale>, kind: &Kind) -> Option<u32> {
    let own = catalogue.own.as_ref().filter(|_| kind.lane == Lane::Otp)?;
    let parts = |nth| {
        let said = |name: &String, variable: &Variable| match (variable.from.as_deref(), variable.value_type)
        {
            (Some("clinic.name"), _) => Some(Value::Text(own.name.clone())),
            (Some("clinic.phone"), _) => own.phone.clone().map(Value::Text),
            (_, ValueType::Domain) => own.domain.clone().map(Value::Text),
            _ if name == "app_hash" => own.app_hash.clone().map(Value::Text),
            _ if variable.secret => Some(Value::Text("8".repeat(usize::from(own.digits)))),
            _ => Some(arguments::sample(variable, nth)),
        };
        let variables = kind.variables.iter();
        let variables = variables.filter_map(|(name, variable)| Some((name.clone(), said(name, variable)?)));
        segments_with(catalogue, locale, kind, Discretion::Standard, &variables.collect()).ok()
    };
    (0..samples(kind)).filter_map(parts).map(|segments| segments.parts).max()
}

/// The price of one text over the year, for tables.
pub(in super::super) fn year(
    catalogue: &Catalogue,
    locale: &Arc<Locale>,
    kind: &Kind,
    discretion: Discretion,
    nth: usize,
) -> Result<Year, Flaw> {
    Calendar::of(&locale.formats).year(catalogue, locale, kind, discretion, nth)
}

/// How many sets of samples a type has.
pub(in super::super) fn samples(kind: &Kind) -> usize {
    kind.variables.values().map(|variable| variable.samples.len()).max().unwrap_or(0).max(1)
}

fn times(kind: &Kind) -> impl Iterator<Item = &String> {
    let is_time = |value_type| matches!(value_type, ValueType::Time);
    kind.variables.iter().filter(move |(_, variable)| is_time(variable.value_type)).map(|(name, _)| name)
}

fn called(catalogue: &Catalogue, kind: &Kind) -> BTreeSet<String> {
    let file = format!("templates/{}.j2", kind.name);
    let scans = catalogue.templates.scans.iter().filter(|(source, _)| source.file == file);
    scans.flat_map(|(_, scan)| scan.calls.iter().map(|call| call.key.clone())).collect()
}

/// At the first of these messages that the locale has.
fn at_first(locale: &Locale, keys: &BTreeSet<String>, text: String) -> Fault {
    let is_called = |key: &str| keys.contains(key);
    for file in &locale.files {
        if let Some(message) = messages(file).find(|message| is_called(message.id.name)) {
            return file.fault(message.id.name, text);
        }
    }
    Fault::whole(&format!("locales/{}", locale.tag), text)
}

/// The days and hours of a locale by what they cost.
struct Calendar {
    days: Vec<Case<NaiveDate>>,
    hours: Vec<Case<NaiveTime>>,
}

impl Calendar {
    fn of(formats: &Formats) -> Self {
        let midnight = NaiveDate::from_ymd_opt(YEAR, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
        let days = (0..365).filter_map(|day| midnight.checked_add_days(Days::new(day)));
        let hours = (0..24).map(|hour| midnight + TimeDelta::minutes(60 * hour + 30));
        Self {
            days: cases(days, formats, &[Style::Day, Style::Date], |at| at.date()),
            hours: cases(hours, formats, &[Style::Time], |at| at.time()),
        }
    }

    fn year(
        &self,
        catalogue: &Catalogue,
        locale: &Arc<Locale>,
        kind: &Kind,
        discretion: Discretion,
        nth: usize,
    ) -> Result<Year, Flaw> {
        let count = |at: NaiveDateTime| segments_of(catalogue, locale, kind, discretion, nth, at);
        let mut year = Year::default();
        let has_times = times(kind).next().is_some();
        let Some(day) = self.days.first().map(|case| case.first) else { return Ok(year) };
        // What an hour adds is the same on every day, so the dearest one is the dearest on all.
        let mut dearest: Option<((bool, u32), NaiveTime)> = None;
        for hour in self.hours.iter().map(|case| case.first).take(if has_times { 24 } else { 1 }) {
            dearest = dearest.max(Some((weight(count(day.and_time(hour))?), hour)));
        }
        let Some((_, hour)) = dearest else { return Ok(year) };
        for case in self.days.iter().take(if has_times { 365 } else { 1 }) {
            let segments = count(case.first.and_time(hour))?;
            *year.days.entry(segments.parts).or_default() += if has_times { case.count } else { 365 };
        }
        Ok(year)
    }

    /// Days and hours whose letters make a text dearer than it is on others, with the sample that pays
    /// the most for them.
    fn dear_words(
        &self,
        catalogue: &Catalogue,
        locale: &Arc<Locale>,
        kind: &Kind,
        keys: &BTreeSet<String>,
    ) -> Vec<Fault> {
        let cheap_day = self.days.iter().find(|case| case.letter.is_none());
        let cheap_hour = self.hours.iter().find(|case| case.letter.is_none());
        let (Some(day), Some(hour)) = (cheap_day, cheap_hour) else { return Vec::new() };
        let (dear_days, dear_hours) = (dear(&self.days), dear(&self.hours));
        if times(kind).next().is_none() || dear_days.is_empty() && dear_hours.is_empty() {
            return Vec::new();
        }
        // One line for each word: `sáb` is the same on each of its 52 days.
        let mut words: BTreeMap<&(char, String), Dear> = BTreeMap::new();
        for (discretion, nth) in DISCRETIONS.into_iter().flat_map(|d| (0..samples(kind)).map(move |n| (d, n)))
        {
            let count = |day: NaiveDate, hour: NaiveTime| {
                segments_of(catalogue, locale, kind, discretion, nth, day.and_time(hour)).ok()
            };
            let Some(cheap) = count(day.first, hour.first).filter(|s| s.encoding == Encoding::Gsm7) else {
                continue;
            };
            let days = dear_days
                .iter()
                .map(|(word, case)| (*word, case.count, "365 days", count(case.first, hour.first)));
            let hours = dear_hours
                .iter()
                .map(|(word, case)| (*word, case.count, "24 hours", count(day.first, case.first)));
            let mut of_sample: BTreeMap<&(char, String), Dear> = BTreeMap::new();
            for (word, moments, all, segments) in days.chain(hours) {
                let Some(parts) = segments.map(|s| s.parts).filter(|parts| *parts > cheap.parts) else {
                    continue;
                };
                let dear =
                    of_sample.entry(word).or_insert(Dear { parts, cheap: cheap.parts, moments: 0, all });
                dear.moments += moments;
                dear.parts = dear.parts.max(parts);
            }
            for (word, dear) in of_sample {
                let known = words.entry(word).or_insert(dear);
                if (dear.parts - dear.cheap, dear.moments) > (known.parts - known.cheap, known.moments) {
                    *known = dear;
                }
            }
        }
        let found = words.into_iter().map(|((letter, word), dear)| {
            let Dear { parts, cheap, moments, all } = dear;
            let fault = at_word(locale, word, keys, String::new());
            let message = format!(
                "{moments} of {all} cost {parts} segments because of `{letter}` in `{word}`, line {}: {} costs {cheap} on the others",
                fault.line, kind.name
            );
            Fault { message, ..fault }.warn("dear-date")
        });
        found.collect()
    }
}

/// What one word does to the price of a text.
#[derive(Clone, Copy)]
struct Dear {
    parts: u32,
    /// Without the word.
    cheap: u32,
    /// On how many days, or at how many hours.
    moments: u32,
    all: &'static str,
}

/// The cases with a letter outside GSM-7, and the word it is in.
fn dear<T>(cases: &[Case<T>]) -> Vec<(&(char, String), &Case<T>)> {
    cases.iter().filter_map(|case| Some((case.letter.as_ref()?, case))).collect()
}

/// UCS-2 before GSM-7, then by length.
const fn weight(segments: Segments) -> (bool, u32) {
    (matches!(segments.encoding, Encoding::Ucs2), segments.units)
}

/// Whether a piece of a text is outside GSM-7, its units, and the word to blame.
type Price = (bool, u32, Option<String>);

fn cases<T: Copy>(
    moments: impl Iterator<Item = NaiveDateTime>,
    formats: &Formats,
    styles: &[Style],
    part: impl Fn(NaiveDateTime) -> T,
) -> Vec<Case<T>> {
    let mut cases: BTreeMap<Vec<Price>, Case<T>> = BTreeMap::new();
    for at in moments {
        let written: Vec<String> =
            styles.iter().map(|style| formats.moment(at, *style).unwrap_or_default()).collect();
        let letter = written.iter().find_map(|text| dear_letter(text));
        let key = written.iter().map(|text| {
            let counted = segments::count(text);
            (counted.encoding == Encoding::Ucs2, counted.units, dear_letter(text).map(|(_, word)| word))
        });
        cases.entry(key.collect()).or_insert(Case { first: part(at), count: 0, letter }).count += 1;
    }
    cases.into_values().collect()
}

fn dear_letter(text: &str) -> Option<(char, String)> {
    text.split_whitespace().find_map(|word| {
        let letter = word.chars().find(|c| septets(*c).is_none())?;
        Some((letter, word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()))
    })
}

/// Where the word is said: in the locale's own formats, or in the message that asks ICU for it.
fn at_word(locale: &Locale, word: &str, keys: &BTreeSet<String>, text: String) -> Fault {
    let own = locale.formats_file.iter().find_map(|file: &FtlFile| {
        let source = file.resource.source();
        let named = source.split_inclusive('\n').find(|line| {
            line.split_once('=').is_some_and(|(key, said)| key.starts_with(['w', 'm']) && said.trim() == word)
        })?;
        let at = named.find(word)?;
        Some(file.fault(&named[at..], text.clone()))
    });
    own.unwrap_or_else(|| {
        for file in &locale.files {
            for message in messages(file).filter(|message| keys.contains(base(message.id.name))) {
                let source = file.resource.source();
                let start = (message.id.name.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
                let line = source[start..].split('\n').next().unwrap_or_default();
                if let Some(at) = line.find("DATETIME") {
                    return file.fault(&line[at..], text);
                }
            }
        }
        at_first(locale, keys, text)
    })
}

/// What a text costs at a moment, with the shorter sentences it would have chosen.
fn segments_of(
    catalogue: &Catalogue,
    locale: &Arc<Locale>,
    kind: &Kind,
    discretion: Discretion,
    nth: usize,
    at: NaiveDateTime,
) -> Result<Segments, Flaw> {
    let value = |name: &String| match kind.variables[name].value_type {
        ValueType::Time => Value::Time(at.and_utc()),
        ValueType::Text | ValueType::Money | ValueType::Number | ValueType::Url | ValueType::Domain => {
            arguments::sample(&kind.variables[name], nth)
        }
    };
    let variables = kind.variables.keys().map(|name| (name.clone(), value(name))).collect();
    segments_with(catalogue, locale, kind, discretion, &variables)
}

fn segments_with(
    catalogue: &Catalogue,
    locale: &Arc<Locale>,
    kind: &Kind,
    discretion: Discretion,
    variables: &BTreeMap<String, Value>,
) -> Result<Segments, Flaw> {
    let request = RenderRequest {
        kind: &kind.name,
        language: &locale.tag,
        time_zone: chrono_tz::UTC,
        discretion,
        variables,
        redact_secrets: false,
        links: Links::StandIn,
    };
    let prepared = arguments::prepare(kind, &request);
    let prepared = prepared.map_err(|error| Flaw::new("bad-variable", error.to_string()))?;
    Ok(catalogue.draft(kind, locale, discretion, &prepared)?.segments)
}
