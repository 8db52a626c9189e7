//! Dates, times, numbers and amounts of one locale, as a text message can carry them: Gregorian,
//! with Latin digits, and without the narrow spaces that would double the price of a text.

use super::words::{Named, Pattern, Words};
use crate::domain::keyword::bare;
use crate::domain::value::Money;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use icu_calendar::{Date, Gregorian};
use icu_datetime::input::Time;
use icu_datetime::{FixedCalendarDateTimeFormatter, NoCalendarFormatter, fieldsets, parts};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale::Locale;
use std::fmt::{self, Write};
use writeable::{Part, PartsWrite, Writeable};

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Weekday, day and month: `Sat, Mar 7`.
    Day,
    /// Day and month: `Mar 7`.
    Date,
    /// The time of day: `2:30 PM`.
    Time,
}

impl Style {
    /// As locale files write it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "day" => Some(Self::Day),
            "date" => Some(Self::Date),
            "time" => Some(Self::Time),
            _ => None,
        }
    }
}

/// The formatters of one locale.
#[derive(Debug)]
pub(super) struct Formats {
    day: FixedCalendarDateTimeFormatter<Gregorian, fieldsets::MDE>,
    date: FixedCalendarDateTimeFormatter<Gregorian, fieldsets::MD>,
    time: NoCalendarFormatter<fieldsets::T>,
    decimal: DecimalFormatter,
    words: Words,
}

impl Formats {
    /// The formatters for a format locale, with the locale's own words; `None` when ICU has none.
    pub(super) fn new(locale: &Locale, words: Words) -> Option<Self> {
        // The calendar is fixed by the type: by the locale alone, Thai visits would be in 2569.
        Some(Self {
            day: FixedCalendarDateTimeFormatter::try_new(locale.into(), fieldsets::MDE::medium()).ok()?,
            date: FixedCalendarDateTimeFormatter::try_new(locale.into(), fieldsets::MD::medium()).ok()?,
            time: NoCalendarFormatter::try_new(locale.into(), fieldsets::T::hm()).ok()?,
            decimal: DecimalFormatter::try_new(
                locale.into(),
                icu_decimal::options::DecimalFormatterOptions::default(),
            )
            .ok()?,
            words,
        })
    }

    /// What stands between two sentences.
    pub(super) fn joiner(&self) -> &str {
        &self.words.joiner
    }

    /// A day or month that neither ICU nor the locale can name, where ICU has no dates in the language:
    /// it would write `M03 7, Sat`, and say nothing of it.
    pub(super) fn nameless(&self) -> Option<String> {
        let unnamed = self.words.unnamed()?;
        (self.name_by_icu(Named::Month, Style::Day, 2)? == "M03").then_some(unnamed)
    }

    /// Takes back the locale's own days and months that another one is called by too, be it by ICU: patients would
    /// come on the wrong day. The keys, with the words.
    pub(super) fn take_back_doubles(&mut self) -> Vec<(String, String)> {
        let mut taken = Vec::new();
        for (named, style) in
            [(Named::Weekday, Style::Day), (Named::Month, Style::Day), (Named::Month, Style::Date)]
        {
            while let Some(nth) = self.double(named, style) {
                taken.extend(self.words.take_back(named, nth));
            }
        }
        taken
    }

    /// The last day or month that the locale calls as another one is called.
    fn double(&self, named: Named, style: Style) -> Option<usize> {
        let own = self.words.own(named);
        // Most locales have no words of their own, and ICU's are never the same.
        if own.iter().all(Option::is_none) {
            return None;
        }
        let called = |(nth, word): (u32, &Option<String>)| {
            let written = word.clone().or_else(|| self.name_by_icu(named, style, nth));
            written.map(|word| bare(&word))
        };
        let all: Vec<Option<String>> = (0..).zip(own).map(called).collect();
        let is_shared = |nth: usize| all.iter().filter(|other| **other == all[nth]).count() > 1;
        (0..own.len()).rev().find(|nth| own[*nth].is_some() && is_shared(*nth))
    }

    /// What ICU calls a day or a month.
    fn name_by_icu(&self, named: Named, style: Style, nth: u32) -> Option<String> {
        // The second of March is a Monday.
        let (month, day, part) = match named {
            Named::Weekday => (3, 2 + nth, parts::WEEKDAY),
            Named::Month => (1 + nth, 1, parts::MONTH),
        };
        let at = NaiveDate::from_ymd_opt(2026, month, day)?.and_time(NaiveTime::MIN);
        Some(self.by_icu(at, style)?.text_of(part))
    }

    /// A moment of the recipient's wall clock.
    pub(super) fn moment(&self, at: NaiveDateTime, style: Style) -> Option<String> {
        let weekday = at.weekday().num_days_from_monday() as usize;
        let mut pieces = self.by_icu(at, style)?;
        pieces.replace(parts::WEEKDAY, self.words.weekdays[weekday].as_deref());
        pieces.replace(parts::MONTH, self.words.months[at.month0() as usize].as_deref());
        let pattern = match style {
            Style::Day => self.words.day.as_ref(),
            Style::Date => self.words.date.as_ref(),
            Style::Time => None,
        };
        Some(match pattern {
            Some(pattern) => pattern.fill(|slot| match slot {
                "weekday" => pieces.text_of(parts::WEEKDAY),
                "month" => pieces.text_of(parts::MONTH),
                "day" => pieces.text_of(parts::DAY),
                _ => String::new(),
            }),
            None => pieces.join(),
        })
    }

    /// A moment as ICU writes it.
    fn by_icu(&self, at: NaiveDateTime, style: Style) -> Option<Pieces> {
        let part = |number: u32| u8::try_from(number).ok();
        let date = Date::try_new_gregorian(at.year(), part(at.month())?, part(at.day())?).ok()?;
        let mut pieces = Pieces::default();
        let written = match style {
            Style::Day => self.day.format(&date).write_to_parts(&mut pieces),
            Style::Date => self.date.format(&date).write_to_parts(&mut pieces),
            Style::Time => {
                let time = Time::try_new(part(at.hour())?, part(at.minute())?, 0, 0).ok()?;
                self.time.format(&time).write_to_parts(&mut pieces)
            }
        };
        written.ok()?;
        Some(pieces)
    }

    /// A whole number.
    pub(super) fn number(&self, number: i64) -> String {
        plain(&self.decimal.format(&Decimal::from(number)).to_string())
    }

    /// An amount, where the locale puts its currency.
    pub(super) fn money(&self, money: &Money) -> Option<String> {
        let amount = plain(&self.decimal.format(&Decimal::try_from_str(&money.amount).ok()?).to_string());
        let any = Pattern::amount_and_code();
        let pattern = self.words.money.get(&money.currency).or(self.words.any_money.as_ref()).unwrap_or(&any);
        Some(pattern.fill(|slot| match slot {
            "amount" => amount.clone(),
            "currency" => money.currency.clone(),
            _ => String::new(),
        }))
    }
}

/// Replaces what ICU writes for typography's sake and GSM-7 does not have. Only for ICU's words:
/// a translator's stay as they are.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\u{00A0}' | '\u{202F}' | '\u{2009}' => ' ',
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            other => other,
        })
        .collect()
}

/// What ICU wrote, each piece with what it is.
#[derive(Default)]
struct Pieces {
    open: Vec<Part>,
    pieces: Vec<(Option<Part>, String)>,
}

impl Pieces {
    fn replace(&mut self, part: Part, word: Option<&str>) {
        let Some(word) = word else { return };
        for (_, text) in self.pieces.iter_mut().filter(|(is, _)| *is == Some(part)) {
            word.clone_into(text);
        }
    }

    fn text_of(&self, part: Part) -> String {
        self.pieces.iter().filter(|(is, _)| *is == Some(part)).map(|(_, text)| plain(text)).collect()
    }

    fn join(&self) -> String {
        self.pieces.iter().map(|(_, text)| plain(text)).collect()
    }
}

impl Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The outermost part says what it is; inside a day of the month there is a number.
        let part = self.open.first().copied();
        match self.pieces.last_mut() {
            Some((is, last)) if *is == part => last.push_str(text),
            _ => self.pieces.push((part, text.to_owned())),
        }
        Ok(())
    }
}

impl PartsWrite for Pieces {
    type SubPartsWrite = Self;

    fn with_part(&mut self, part: Part, mut inner: impl FnMut(&mut Self) -> fmt::Result) -> fmt::Result {
        self.open.push(part);
        let written = inner(self);
        self.open.pop();
        written
    }
}
