//! `formats.ftl`: what a locale says about dates, money and the space between sentences, where ICU
//! says nothing, or something that makes a text dear.

use super::fault::Fault;
use super::ftl::FtlFile;
use super::lint;
use fluent_syntax::ast::{self, Expression, InlineExpression, PatternElement};
use std::collections::BTreeMap;

/// The file with these words, one in each locale.
pub(super) const FILE: &str = "formats.ftl";

/// A day without a name: who reads "Sat,  7" comes in the wrong month.
const EMPTY: &str = "a word was expected here; without it, texts would have a gap";

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A locale's own words.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// Between two sentences: a space, or nothing where there are no spaces.
    pub(super) joiner: String,
    /// From Monday.
    pub(super) weekdays: [Option<String>; 7],
    /// From January.
    pub(super) months: [Option<String>; 12],
    /// Weekday, day and month.
    pub(super) day: Option<Pattern>,
    /// Day and month.
    pub(super) date: Option<Pattern>,
    /// By currency: `USD`.
    pub(super) money: BTreeMap<String, Pattern>,
    /// Every other currency.
    pub(super) any_money: Option<Pattern>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            joiner: " ".to_owned(),
            weekdays: [const { None }; 7],
            months: [const { None }; 12],
            day: None,
            date: None,
            money: BTreeMap::new(),
            any_money: None,
        }
    }
}

/// What a locale may call by words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Weekday,
    Month,
}

impl Named {
    /// What the file calls one, counted from Monday or January.
    fn key(self, nth: usize) -> String {
        match self {
            Self::Weekday => format!("weekday-{}", WEEKDAYS[nth]),
            Self::Month => format!("month-{}", MONTHS[nth]),
        }
    }
}

/// Text with named places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(String),
}

impl Pattern {
    /// `25.50 CHF`, where the locale says nothing.
    pub(super) fn amount_and_code() -> Self {
        Self(vec![
            Piece::Slot("amount".to_owned()),
            Piece::Text(" ".to_owned()),
            Piece::Slot("currency".to_owned()),
        ])
    }

    /// The text with every place filled.
    pub(super) fn fill(&self, value: impl Fn(&str) -> String) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Slot(name) => value(name),
            })
            .collect()
    }

    fn slots(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }
}

/// Reads a locale's words; faults are added to `faults`, and what is faulty is left out.
pub(super) fn read(file: &FtlFile, faults: &mut Vec<Fault>) -> Words {
    let mut words = Words::default();
    for message in lint::sound(file, faults) {
        let at = message.id.name;
        let pattern = match message.value.as_ref().map_or(Err(EMPTY), pattern) {
            Ok(pattern) => pattern,
            Err(problem) => {
                faults.push(file.fault(at, problem).by("format"));
                continue;
            }
        };
        if let Err(problem) = words.take(message.id.name, pattern) {
            faults.push(file.fault(at, problem).by("format"));
        }
    }
    words
}

impl Words {
    /// The locale's own words for days or for months.
    pub(super) const fn own(&self, named: Named) -> &[Option<String>] {
        match named {
            Named::Weekday => self.weekdays.as_slice(),
            Named::Month => self.months.as_slice(),
        }
    }

    /// Takes back a word for a day or a month: its key, and the word.
    pub(super) fn take_back(&mut self, named: Named, nth: usize) -> Option<(String, String)> {
        let word = match named {
            Named::Weekday => self.weekdays[nth].take(),
            Named::Month => self.months[nth].take(),
        };
        Some((named.key(nth), word?))
    }

    /// The first day or month that the locale has no word for.
    pub(super) fn unnamed(&self) -> Option<String> {
        [Named::Weekday, Named::Month].into_iter().find_map(|named| {
            let nth = self.own(named).iter().position(Option::is_none)?;
            Some(named.key(nth))
        })
    }

    fn take(&mut self, key: &str, pattern: Pattern) -> Result<(), String> {
        // What a format may say, and how much of it it must.
        let (slots, needed): (&[&str], usize) = match key.split_once('-') {
            None if key == "sp" => {
                // Nothing stands between sentences in languages written without spaces.
                self.joiner = joiner(key, &pattern)?;
                return Ok(());
            }
            Some(("weekday", day)) if let Some(at) = WEEKDAYS.iter().position(|name| *name == day) => {
                self.weekdays[at] = Some(word(key, &pattern)?);
                return Ok(());
            }
            Some(("month", month)) if let Some(at) = MONTHS.iter().position(|name| *name == month) => {
                self.months[at] = Some(word(key, &pattern)?);
                return Ok(());
            }
            Some(("pattern", "day")) => (&["weekday", "day", "month"], 3),
            Some(("pattern", "date")) => (&["day", "month"], 2),
            Some(("money", "other")) => (&["amount", "currency"], 2),
            Some(("money", code)) if code.len() == 3 => (&["amount", "currency"], 1),
            _ => {
                return Err(format!(
                    "`{key}` is not known here; there are sp, weekday-mon to weekday-sun, month-jan to month-dec, \
                     pattern-day, pattern-date, money-other and money- with a currency's three letters"
                ));
            }
        };
        if let Some(slot) = pattern.slots().find(|slot| !slots.contains(slot)) {
            return Err(format!("there is no ${slot} in `{key}`; there are ${}", slots.join(", $")));
        }
        if let Some(slot) = slots.iter().take(needed).find(|slot| pattern.slots().all(|said| said != **slot))
        {
            return Err(format!("`{key}` must say {{ ${slot} }}"));
        }
        match key {
            "pattern-day" => self.day = Some(pattern),
            "pattern-date" => self.date = Some(pattern),
            "money-other" => self.any_money = Some(pattern),
            money => {
                self.money.insert(money.trim_start_matches("money-").to_uppercase(), pattern);
            }
        }
        Ok(())
    }
}

fn joiner(key: &str, pattern: &Pattern) -> Result<String, String> {
    let text = text_of(key, pattern)?;
    if text.chars().all(char::is_whitespace) {
        return Ok(text);
    }
    let problem = "what stands between two sentences is { \" \" }, or { \"\" } where no spaces are written";
    Err(problem.to_owned())
}

fn word(key: &str, pattern: &Pattern) -> Result<String, String> {
    let word = text_of(key, pattern)?;
    if word.trim().is_empty() { Err(EMPTY.to_owned()) } else { Ok(word) }
}

fn text_of(key: &str, pattern: &Pattern) -> Result<String, String> {
    match pattern.slots().next() {
        Some(slot) => Err(format!("`{key}` is a word, and ${slot} has no place in it")),
        None => Ok(pattern.fill(|_| String::new())),
    }
}

/// Text, `{ $name }` and `{ "literal" }`; nothing else has a place in a format.
fn pattern(ast: &ast::Pattern<&str>) -> Result<Pattern, &'static str> {
    let pieces = ast.elements.iter().map(|element| match element {
        PatternElement::TextElement { value } => Ok(Piece::Text((*value).to_owned())),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::StringLiteral { value }),
        } => Ok(Piece::Text(fluent_syntax::unicode::unescape_unicode_to_string(value).into_owned())),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::VariableReference { id }),
        } => Ok(Piece::Slot(id.name.to_owned())),
        PatternElement::Placeable { .. } => Err("a format is made of text, { $name } and { \"text\" } only"),
    });
    pieces.collect::<Result<_, _>>().map(Pattern)
}
