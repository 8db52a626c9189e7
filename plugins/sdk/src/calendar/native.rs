//! The host's two calendar functions, for tests that run natively.

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::{FoldRule, GapRule, WallTime};
use crate::{LocalTime, UnixMs};

pub(super) fn to_local(at: UnixMs, time_zone: &str) -> Result<LocalTime, String> {
    let local = instant(at)?.with_timezone(&zone(time_zone)?);
    Ok(LocalTime {
        year: small(local.year())?,
        month: small(local.month())?,
        day: small(local.day())?,
        hour: small(local.hour())?,
        minute: small(local.minute())?,
        second: small(local.second())?,
        weekday: small(local.weekday().number_from_monday())?,
        utc_offset_minutes: small(local.offset().fix().local_minus_utc() / 60)?,
        time_zone: time_zone.to_owned(),
    })
}

pub(super) fn from_local(
    at: WallTime,
    time_zone: &str,
    gap: GapRule,
    fold: FoldRule,
) -> Result<UnixMs, String> {
    let zone = zone(time_zone)?;
    let wall = NaiveDate::from_ymd_opt(at.year.into(), at.month.into(), at.day.into())
        .and_then(|date| date.and_hms_opt(at.hour.into(), at.minute.into(), at.second.into()))
        .ok_or("there is no such date or time of day")?;
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(one) => millis(one.timestamp_millis()),
        LocalResult::Ambiguous(a, b) => {
            let (a, b) = (a.timestamp_millis(), b.timestamp_millis());
            millis(match fold {
                FoldRule::Earlier => a.min(b),
                FoldRule::Later => a.max(b),
            })
        }
        LocalResult::None => {
            let after = first_after_gap(wall, zone);
            millis(match gap {
                GapRule::After => after,
                GapRule::Before => after - 1,
            })
        }
    }
}

/// The moment at which the clocks jump over `wall`: the first that shows a later time.
fn first_after_gap(wall: NaiveDateTime, zone: Tz) -> i64 {
    // A day and more to both sides: the widest offsets, and zones that skipped a whole day.
    let middle = wall.and_utc().timestamp();
    let (mut before, mut after) = (middle - 40 * 3600, middle + 40 * 3600);
    while after - before > 1 {
        let at = before.midpoint(after);
        let shows = DateTime::from_timestamp(at, 0).map(|at| at.with_timezone(&zone).naive_local());
        if shows.is_some_and(|shows| shows < wall) {
            before = at;
        } else {
            after = at;
        }
    }
    after * 1_000
}

fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| format!("there is no time zone `{name}`"))
}

fn instant(at: UnixMs) -> Result<DateTime<Utc>, String> {
    i64::try_from(at)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| format!("{at} is too far in the future"))
}

fn millis(at: i64) -> Result<UnixMs, String> {
    at.try_into().map_err(|_| "that is before 1970".to_owned())
}

fn small<T, U: TryFrom<T>>(number: T) -> Result<U, String> {
    U::try_from(number).map_err(|_| "that year is out of range".to_owned())
}
