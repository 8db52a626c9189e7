//! Quiet hours and preferred times, asked of the bundled policies themselves: in every zone there is, until
//! 2037, at moments of chance and where the clocks change.

use super::{Folder, bundled, due};
use crate::domain::calendar::to_local;
use crate::domain::kind::TypeName;
use crate::domain::policy::{DecideQuestion, Decision, UnixMs};
use crate::domain::window::Window;
use crate::policy::{Limits, Policies};
use chrono::{
    DateTime, Datelike as _, Offset as _, SubsecRound as _, TimeDelta, TimeZone as _, Timelike as _, Utc,
};
use chrono_tz::{TZ_VARIANTS, Tz};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::fs;
use std::sync::Arc;

/// 2026-01-01 and 2038-01-01.
const YEARS: std::ops::Range<i64> = 1_767_225_600..2_145_916_800;

/// The policies' own settings, as their files have them.
const DAY: std::ops::Range<u16> = 8 * 60..21 * 60;

/// Whoever has quiet hours, how long before the visit, or before it expires, a text is of no use any more, and
/// how many years of each zone are looked at. All follow the rule that the SDK has.
const POLICIES: [(&str, TimeDelta, usize); 6] = [
    ("appointment-reminder", TimeDelta::minutes(10), 3),
    ("appointment-confirmation", TimeDelta::zero(), 1),
    ("cancellation-alert", TimeDelta::zero(), 1),
    ("follow-up", TimeDelta::zero(), 1),
    ("payment-reminder", TimeDelta::zero(), 1),
    ("prescription-ready", TimeDelta::zero(), 1),
];

/// Half the moments lie within half a day of a turn of the clocks, where there is one.
fn moments(zone: Tz, years: usize, chance: &mut StdRng) -> Vec<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let mut moments = Vec::new();
    for _ in 0..years {
        let start = DateTime::from_timestamp(chance.random_range(YEARS), 0).unwrap();
        moments.push(start);
        let weeks = (0..52).map(|week| start + TimeDelta::weeks(week));
        let turn = weeks.clone().zip(weeks.skip(1)).find(|(before, after)| offset(*before) != offset(*after));
        if let Some((mut before, mut after)) = turn {
            while after - before > TimeDelta::seconds(1) {
                let middle = before + (after - before) / 2;
                if offset(middle) == offset(after) { after = middle } else { before = middle }
            }
            moments.push(after + TimeDelta::minutes(chance.random_range(-720..720)));
        }
    }
    moments
}

/// Days and stretches that somebody might name, some of them in the night.
fn windows(chance: &mut StdRng) -> Vec<Window> {
    let mut windows = Vec::new();
    for _ in 0..chance.random_range(0..3) {
        let from_minute = chance.random_range(0..1380);
        let to_minute = chance.random_range(from_minute + 15..=1440);
        windows.push(Window { weekday: chance.random_range(1..=7), from_minute, to_minute });
    }
    windows
}

/// Whether a text may go out: by day, and at a time that is liked where one was named that is by day.
fn is_open(at: DateTime<Utc>, zone: Tz, windows: &[Window]) -> bool {
    let local = at.with_timezone(&zone);
    let minute = u16::try_from(local.hour() * 60 + local.minute()).unwrap();
    let by_day = |window: &&Window| window.from_minute < DAY.end && window.to_minute > DAY.start;
    let is_in = |window: &Window| {
        u32::from(window.weekday) == local.weekday().number_from_monday()
            && (window.from_minute..window.to_minute).contains(&minute)
    };
    let mut liked = windows.iter().filter(by_day).peekable();
    DAY.contains(&minute) && (liked.peek().is_none() || liked.any(is_in))
}

/// Open times begin on whole minutes of the wall clock; zones of today differ by whole quarters of an hour.
fn first_open(
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    zone: Tz,
    windows: &[Window],
) -> Option<DateTime<Utc>> {
    let mut at = from;
    while at < until {
        if is_open(at, zone, windows) {
            return Some(at);
        }
        at = at.trunc_subsecs(0).with_second(0).unwrap() + TimeDelta::minutes(1);
    }
    None
}

fn at(ms: UnixMs) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(ms).unwrap()).unwrap()
}

fn ms(at: DateTime<Utc>) -> UnixMs {
    UnixMs::try_from(at.timestamp_millis()).unwrap()
}

/// The question as the host asks it: its facts are made by the host's own calendar.
fn question(
    kind: &str,
    now: DateTime<Utc>,
    (visit, expires_at): (DateTime<Utc>, DateTime<Utc>),
    zone: Tz,
    windows: &[Window],
) -> DecideQuestion {
    let mut question = due(kind, "2026-11-24T14:00:00-05:00");
    question.now = ms(now);
    question.facts.clear();
    question.message.planned_for = ms(now);
    question.message.occurrence = Some(ms(visit));
    question.message.expires_at = ms(expires_at);
    question.to.time_zone = zone.name().to_owned();
    question.to.local = to_local(now, zone);
    question.to.windows = windows.to_vec();
    question
}

async fn check(
    policies: &Policies,
    (kind, ends_before, years): (&str, TimeDelta, usize),
    zone: Tz,
    chance: &mut StdRng,
) {
    let loaded = policies.for_type(&TypeName::from(kind)).unwrap();
    for now in moments(zone, years, chance) {
        // The host's clock has milliseconds.
        let now = now.trunc_subsecs(3);
        let windows = windows(chance);
        // An hour before the visit, or a day.
        let before = if chance.random_bool(0.5) { TimeDelta::hours(1) } else { TimeDelta::hours(24) };
        let visit = now + before;
        let useful_until = visit - ends_before;
        let ends = (visit, useful_until);
        let asked = question(kind, now, ends, zone, &windows);
        let answer = policies.decide(&loaded, &asked).await.unwrap().answer;
        let open = first_open(now, useful_until, zone, &windows);
        let case = format!("{kind} {zone} {now} {windows:?}, visit at {visit}: {answer:?}");
        match answer {
            Decision::Send { .. } => assert_eq!(open, Some(now), "{case}"),
            Decision::Defer { until, .. } => {
                let until = at(until);
                assert_eq!(open, Some(until), "{case}");
                assert!(until > now && until < useful_until, "{case}");
                // Asked again then, it is sent.
                let then = question(kind, until, ends, zone, &windows);
                let then = policies.decide(&loaded, &then).await.unwrap().answer;
                assert!(matches!(then, Decision::Send { .. }), "{case}, then {then:?}");
            }
            Decision::Suppress { .. } => assert_eq!(open, None, "{case}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_every_zone_a_text_waits_for_the_next_open_moment_or_is_of_no_use() {
    let folder = Folder::new();
    for (kind, ..) in POLICIES {
        for extension in ["wasm", "toml"] {
            let name = format!("{kind}.{extension}");
            folder.put(&name, fs::read(bundled().join(&name)).unwrap());
        }
    }
    let wall = crate::policy::Span(std::time::Duration::from_secs(2));
    let limits = Limits { wall, ..Limits::default() };
    let (policies, _) = folder.load(&limits).await.unwrap();
    let policies = Arc::new(policies);
    let mut tasks = tokio::task::JoinSet::new();
    for half in [0, 1] {
        let policies = policies.clone();
        tasks.spawn(async move {
            // The same cases every time.
            let mut chance = StdRng::seed_from_u64(2037 + half as u64);
            for zone in TZ_VARIANTS.iter().skip(half).step_by(2) {
                for policy in POLICIES {
                    check(&policies, policy, *zone, &mut chance).await;
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
