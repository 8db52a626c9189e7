//! Quiet hours hold in every zone and across every change of the clocks.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::LazyLock;

use proptest::{prelude::*, test_runner::RngSeed};
use tidings_policy::{Daytime, OpenHours, UnixMs, calendar};

/// Changes at one, two and three in the morning, at midnight, of half an hour, and none; the date
/// line; both hemispheres.
const ZONES: [&str; 16] = [
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Nuuk",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
];

const MINUTE: UnixMs = 60_000;
const DAY: UnixMs = 24 * 60 * MINUTE;
/// 2026-01-01 and 2038-01-01.
const YEARS: std::ops::Range<UnixMs> = 1_767_225_600_000..2_145_916_800_000;

fn local_minute(at: UnixMs, zone: &str) -> u16 {
    let local = calendar::to_local(at, zone).unwrap();
    u16::from(local.hour) * 60 + u16::from(local.minute)
}

/// The moments at which each zone's clocks change, which chance alone would seldom find.
static CHANGES: LazyLock<Vec<(&str, UnixMs)>> = LazyLock::new(|| {
    let days = || (YEARS.start / DAY..YEARS.end / DAY).map(|day| day * DAY);
    let changes = |zone| days().filter_map(move |day| change_within(zone, day, day + DAY));
    ZONES.into_iter().flat_map(|zone| changes(zone).map(move |at| (zone, at))).collect()
});

fn change_within(zone: &str, mut before: UnixMs, mut after: UnixMs) -> Option<UnixMs> {
    let offset = |at| calendar::to_local(at, zone).unwrap().utc_offset_minutes;
    let old = offset(before);
    if offset(after) == old {
        return None;
    }
    while after - before > 1 {
        let middle = before.midpoint(after);
        if offset(middle) == old { before = middle } else { after = middle }
    }
    Some(after)
}

fn check(zone: &str, at: UnixMs, from: u16, to: u16) {
    let text = format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
    let daytime: Daytime = text.parse().unwrap();
    let open = |at| (from..to).contains(&local_minute(at, zone));
    let found = OpenHours::daily(daytime).next_open(at, zone).unwrap().unwrap();
    assert!(found >= at, "{zone} {text}: {found} is before {at}");
    assert!(open(found), "{zone} {text}: {found} is closed");
    // Clocks change and windows open at whole minutes, so that no earlier moment hides between.
    let mut earlier = at;
    while earlier < found {
        assert!(!open(earlier), "{zone} {text}: {earlier} is open and earlier than {found}");
        earlier = (earlier / MINUTE + 1) * MINUTE;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        // The same cases every time.
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_next_open_moment_is_open_and_the_earliest(
        zone in prop::sample::select(ZONES.as_slice()),
        at in YEARS,
        from in 0_u16..1440,
        length in 1_u16..1440,
    ) {
        check(zone, at, from, (from + length).min(1440));
    }

    #[test]
    fn it_is_so_when_the_clocks_change(
        (zone, change) in prop::sample::select(CHANGES.as_slice()),
        asked in 0_u64..240,
        opens in 0_u16..240,
        length in 1_u16..240,
    ) {
        // All within two hours of the change.
        let at = change - 120 * MINUTE + asked * MINUTE;
        let from = (local_minute(change, zone) + 1440 - 120 + opens) % 1440;
        check(zone, at, from, (from + length).min(1440));
    }
}
