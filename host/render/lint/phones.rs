//! Telephone numbers in fixed words, told from hours, years and dates.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

/// A number with as many digits is one to call.
const PHONE_DIGITS: usize = 7;

/// The first one in a text.
pub(super) fn phone(text: &str) -> Option<&str> {
    if digits(text) < PHONE_DIGITS {
        return None;
    }
    let is_between = |c| matches!(c, ' ' | '(' | ')' | '.' | '/' | '\u{A0}' | '（' | '）') || is_dash(c);
    let mut runs = text.split(|c| !is_digit(c) && !is_between(c));
    let run = runs.find(|run| digits(run) >= PHONE_DIGITS && digits_to_call(run) >= PHONE_DIGITS)?;
    Some(run.trim_start_matches(|c| !is_digit(c)))
}

fn digits(text: &str) -> usize {
    if text.is_ascii() {
        text.bytes().filter(u8::is_ascii_digit).count()
    } else {
        text.chars().filter(|c| is_digit(*c)).count()
    }
}

/// So many digits that are neither hours nor days nor years make one number to call with those beside them:
/// "06.12 34 56 78".
const PART_DIGITS: usize = 4;

/// Digits that are neither hours nor dates. Years are none only where there are no others: "2055-2345" is no year
/// and another one.
fn digits_to_call(run: &str) -> usize {
    let numbers = numbers(run);
    if are_years(&numbers) {
        return 0;
    }
    let (mut years, mut others) = (0, 0);
    let (mut before, mut rest) = ("", numbers.as_slice());
    while let Some(first) = rest.first() {
        let taken = match rest {
            [a, b, c, ..] if is_date(before, a, b, c) => 3,
            [a, b, ..] if is_hour_or_day(before, a, b) => 2,
            _ => {
                *if first.is_year() { &mut years } else { &mut others } += first.digits;
                1
            }
        };
        before = rest[taken - 1].mark;
        rest = &rest[taken..];
    }
    match others {
        0 => 0,
        1..PART_DIGITS => years + others,
        _ => digits(run),
    }
}

/// From one year to one soon after it, of any calendar: `1447-1448`, `2569-2570`.
fn are_years(numbers: &[Number<'_>]) -> bool {
    let [from, to] = numbers else { return false };
    let is_year = |number: &Number<'_>| number.digits == 4 && (1300..2700).contains(&number.value);
    is_year(from) && is_year(to) && (1..=10).contains(&to.value.saturating_sub(from.value))
}

/// Digits side by side.
struct Number<'a> {
    digits: usize,
    value: u32,
    /// What stands between them and the next ones.
    mark: &'a str,
}

impl Number<'_> {
    fn is_year(&self) -> bool {
        self.digits == 4 && matches!(self.value / 100, 19 | 20)
    }
}

fn numbers(run: &str) -> Vec<Number<'_>> {
    let mut numbers = Vec::new();
    let mut rest = run.trim_start_matches(|c| !is_digit(c));
    while !rest.is_empty() {
        let (digits, behind) = rest.split_at(rest.find(|c| !is_digit(c)).unwrap_or(rest.len()));
        let (mark, next) = behind.split_at(behind.find(is_digit).unwrap_or(behind.len()));
        let mark = if next.is_empty() { "" } else { mark };
        let value = digits.chars().fold(0_u32, |value, c| value.saturating_mul(10).saturating_add(digit(c)));
        numbers.push(Number { digits: digits.chars().count(), value, mark });
        rest = next;
    }
    numbers
}

/// `24.12.2026`, `24.12.26`, `12/24/2026`, `2026-12-24`, `24. 12. 2026`.
fn is_date(before: &str, a: &Number<'_>, b: &Number<'_>, c: &Number<'_>) -> bool {
    let mut marks = a.mark.trim().chars();
    let is_one = marks.next().is_some_and(|c| matches!(c, '.' | '/') || is_dash(c)) && marks.next().is_none();
    is_one
        && a.mark == b.mark
        && stands_alone(before, a.mark, c.mark)
        && (is_day(a, b) && (c.is_year() || c.digits == 2) || a.is_year() && is_day(b, c))
}

/// `9.00`, `24.12.`
fn is_hour_or_day(before: &str, a: &Number<'_>, b: &Number<'_>) -> bool {
    let is_hour = a.digits <= 2 && a.value <= 24 && b.digits == 2 && b.value < 60;
    a.mark == "." && stands_alone(before, a.mark, b.mark) && (is_hour || is_day(a, b))
}

/// A day and a month, in either order.
fn is_day(a: &Number<'_>, b: &Number<'_>) -> bool {
    let (month, day) = (a.value.min(b.value), a.value.max(b.value));
    a.digits <= 2 && b.digits <= 2 && (1..=12).contains(&month) && day <= 31
}

/// Whether what such marks divide goes on neither in front nor behind: "24.12.26.30" has four parts.
fn stands_alone(before: &str, mark: &str, behind: &str) -> bool {
    [before, behind].into_iter().all(|other| other != mark || mark.contains(char::is_whitespace))
}

const fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '－')
}

/// A digit of any script; below the Arabic ones there are none but those of ASCII.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
        || c >= '\u{660}'
            && CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::DecimalNumber
}

/// What a digit is worth: those of each script stand side by side from 0 to 9.
fn digit(c: char) -> u32 {
    let earlier = ('\0'..c).rev().take_while(|c| is_digit(*c)).zip(0..);
    earlier.last().map_or(0, |(_, nth)| (nth + 1) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_of_every_script_is_worth_what_it_says() {
        for digits in [
            "0123456789",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "०१२३४५६७८९",
            "০১২৩৪৫৬৭৮৯",
            "０１２３４５６７８９",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
            "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡",
        ] {
            assert_eq!(
                digits.chars().map(digit).collect::<Vec<_>>(),
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
                "{digits}"
            );
        }
    }
}
