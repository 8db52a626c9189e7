//! The policy's table of cases. Patients live in New York; the visit is on Wednesday, 25 November.

use tidings_policy::{
    FailureClass, Priority,
    testing::{Case, check_settings},
};

use super::*;

const NEW_YORK: &str = "America/New_York";

/// At this time a visit is booked for two in the afternoon on the 25th.
fn booked(at: &str) -> Case {
    Case::at(at, NEW_YORK).moment("data.starts_at", "2026-11-25T14:00")
}

fn plan(case: &Case) -> Vec<String> {
    case.plan::<AppointmentReminder>("appointment.booked")
}

/// At this time a reminder of a visit is due.
fn due(at: &str, key: &str, visit: &str) -> Case {
    Case::at(at, NEW_YORK).about(TYPE).key(key).occurrence(visit).expires(visit)
}

#[test]
fn a_visit_gets_a_reminder_a_day_and_an_hour_before() {
    let both = [
        "24h to p1 at 2026-11-24T14:00 until 2026-11-25T13:00: before-visit",
        "1h to p1 at 2026-11-25T13:00 until 2026-11-25T13:50: before-visit",
    ];
    assert_eq!(plan(&booked("2026-11-20T09:00")), both);
    assert_eq!(booked("2026-11-20T09:00").plan::<AppointmentReminder>("appointment.rescheduled"), both);
}

#[test]
fn a_reminder_whose_moment_has_passed_is_passed_over() {
    assert_eq!(
        plan(&booked("2026-11-24T14:01")),
        ["1h to p1 at 2026-11-25T13:00 until 2026-11-25T13:50: before-visit", "not 24h to p1: moment-passed"]
    );
    assert_eq!(
        plan(&booked("2026-11-25T13:30")),
        ["not 24h to p1: moment-passed", "not 1h to p1: moment-passed"]
    );
}

#[test]
fn every_patient_is_reminded_and_no_doctor() {
    let case = booked("2026-11-20T09:00").with(Role::Doctor, NEW_YORK).with(Role::Patient, "America/Chicago");
    assert_eq!(
        plan(&case.settings("before = ['2h']")),
        [
            "2h to p1 at 2026-11-25T12:00 until 2026-11-25T13:50: before-visit",
            "2h to p3 at 2026-11-25T11:00 until 2026-11-25T12:50: before-visit",
        ]
    );
}

#[test]
fn a_day_before_is_24_hours_before_on_a_day_of_25_hours_too() {
    let case = Case::at("2026-10-20T09:00", NEW_YORK).moment("data.starts_at", "2026-11-01T14:00");
    assert_eq!(
        plan(&case.settings("before = ['1d']")),
        ["24h to p1 at 2026-10-31T15:00 until 2026-11-01T13:50: before-visit"]
    );
}

#[test]
fn a_visit_that_is_off_or_over_or_nowhere_in_time_gets_none() {
    for event in ["appointment.canceled", "appointment.completed"] {
        assert!(booked("2026-11-20T09:00").plan::<AppointmentReminder>(event).is_empty(), "{event}");
    }
    assert_eq!(
        plan(&Case::at("2026-11-20T09:00", NEW_YORK)),
        ["not 24h to p1: no-moment", "not 1h to p1: no-moment"]
    );
}

#[test]
fn a_reminder_waits_for_the_day_but_not_past_its_use() {
    let hour = |at, visit| due(at, "1h", visit);
    for (case, expected) in [
        (due("2026-11-24T14:00", "24h", "2026-11-25T14:00"), "send: ok"),
        (due("2026-11-24T07:00", "24h", "2026-11-25T07:00"), "defer to 2026-11-24T08:00: quiet-hours"),
        (due("2026-11-24T22:00", "24h", "2026-11-25T22:00"), "defer to 2026-11-25T08:00: quiet-hours"),
        // An hour before a visit at half past eight, it waits till eight.
        (hour("2026-11-25T07:30", "2026-11-25T08:30"), "defer to 2026-11-25T08:00: quiet-hours"),
        // An hour before one at ten past eight, eight o'clock would be too late.
        (hour("2026-11-25T07:10", "2026-11-25T08:10"), "suppress: quiet-hours-too-late"),
        (hour("2026-11-25T13:49", "2026-11-25T14:00"), "send: ok"),
        (hour("2026-11-25T13:50", "2026-11-25T14:00"), "suppress: too-late"),
        (hour("2026-11-25T14:30", "2026-11-25T14:00").expires("2026-11-26T14:00"), "suppress: too-late"),
    ] {
        assert_eq!(case.decide::<AppointmentReminder>(), expected);
    }
}

#[test]
fn the_patients_wishes_come_before_the_clock() {
    let day = || due("2026-11-24T14:00", "24h", "2026-11-25T14:00");
    let night = || due("2026-11-24T23:00", "24h", "2026-11-25T23:00");
    for (case, expected) in [
        (night().switched_off(TYPE), "suppress: switched-off"),
        (night().opted_out(), "suppress: opted-out"),
        (day().prefers("Tue 18:00-20:00"), "defer to 2026-11-24T18:00: outside-preferred-window"),
        (day().prefers("Thu 18:00-20:00"), "suppress: preferred-window-too-late"),
        (day().prefers("Thu 18:00-20:00").settings("heed_preferred_times = false"), "send: ok"),
    ] {
        assert_eq!(case.decide::<AppointmentReminder>(), expected);
    }
}

#[test]
fn high_priority_goes_at_night_where_the_clinic_allows_it() {
    let night = due("2026-11-24T23:00", "24h", "2026-11-25T23:00").priority(Priority::High);
    assert_eq!(night.decide::<AppointmentReminder>(), "defer to 2026-11-25T08:00: quiet-hours");
    assert_eq!(night.may_disturb(true).decide::<AppointmentReminder>(), "send: ok");
}

#[test]
fn a_patient_who_had_enough_texts_gets_no_more_for_now() {
    let case = due("2026-11-24T14:00", "24h", "2026-11-25T14:00")
        .had("payment-reminder", "2026-11-24T10:00", "delivered")
        .had("follow-up", "2026-11-23T16:00", "sent");
    for (settings, expected) in [
        ("at_most_per_day = 3", "send: ok"),
        ("at_most_per_day = 2", "defer to 2026-11-24T16:00: daily-cap"),
        ("at_most_per_day = 2\nover_the_cap = 'drop'", "suppress: daily-cap"),
        ("at_most_per_week = 2", "suppress: weekly-cap"),
    ] {
        assert_eq!(case.clone().settings(settings).decide::<AppointmentReminder>(), expected, "{settings}");
    }
}

#[test]
fn a_failed_reminder_is_repeated_while_it_is_of_use() {
    use FailureClass::{Congested, InvalidNumber, Unreachable};
    let failed = |at, class| due(at, "1h", "2026-11-25T14:00").failed(class, 1);
    for (case, expected) in [
        (failed("2026-11-25T13:00", Unreachable), "retry at 2026-11-25T13:30: unreachable"),
        (failed("2026-11-25T13:20", Unreachable), "give up: too-late-to-retry"),
        (failed("2026-11-25T13:20", Congested), "retry at 2026-11-25T13:25: congested"),
        (failed("2026-11-25T13:00", Congested).settings("retries = 0"), "give up: no-attempts-left"),
        (failed("2026-11-25T13:00", InvalidNumber), "give up: invalid-number"),
        (
            failed("2026-11-24T14:00", Unreachable).may_have_arrived(),
            "retry at 2026-11-24T15:00: may-have-arrived",
        ),
    ] {
        assert_eq!(case.retry::<AppointmentReminder>(), expected);
    }
}

#[test]
fn replies_become_requests_and_cancel_is_no_such_word() {
    let case = due("2026-11-24T15:00", "24h", "2026-11-25T14:00");
    for (text, expected) in [
        ("C", "request confirm: confirm"),
        ("Reschedule", "request reschedule: reschedule"),
        ("X", "request cancel: cancel"),
        ("CANCEL", "opt out: opt-out-word"),
        ("Where do I park?", "hand to staff: not-understood"),
    ] {
        assert_eq!(case.replied::<AppointmentReminder>(text), expected, "{text}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |settings: Settings| AppointmentReminder::configure(&settings).unwrap_err().to_string();
    assert_eq!(
        refused(Settings { useful_until: Span::hours(1), ..Settings::default() }),
        "The reminder 1h before the visit could never go: `useful_until` ends it 1h before."
    );
    assert_eq!(
        refused(Settings { before: Vec::new(), ..Settings::default() }),
        "`before` names no reminder; switch the plugin off instead."
    );
}

#[test]
fn the_settings_file_shows_the_defaults() {
    check_settings::<AppointmentReminder>(include_str!("../../appointment-reminder.toml"));
}
