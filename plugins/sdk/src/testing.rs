//! Tables of cases that read as sentences, for tests that run natively.
//!
//! A [`Case`] is a situation; asking it gives the answer as one line:
//!
//! ```
//! # use tidings_policy::{DecideContext, Decision, Description, NoSettings, Policy, testing::Case};
//! # struct Plain;
//! # impl Policy for Plain {
//! #     type Settings = NoSettings;
//! #     fn describe() -> Description { Description::new("plain", "1.0.0", "Sends.").decides("greeting") }
//! # }
//! let morning = Case::at("2026-11-24T09:00", "America/New_York").about("greeting");
//! assert_eq!(morning.decide::<Plain>(), "send: ok");
//! ```
//!
//! The case gives a policy what the host would: the facts it lists in `describe.inputs` and no
//! others, and its settings by way of JSON. What nobody could use fails the test: an answer that
//! gives no facts, a deferral into the past or past the message's end, a message of a foreign type.

mod answers;
mod case;
mod settings;

pub use answers::{decision, planned, reply, retry};
pub use case::Case;
pub use settings::check_settings;

use crate::{TimeOfDay, UnixMs, Window, calendar};

/// The moment at which the clocks of this zone show `2026-11-24T09:00`.
///
/// # Panics
///
/// When they never do, or `local` is spelt otherwise.
#[must_use]
pub fn moment(local: &str, time_zone: &str) -> UnixMs {
    let parse = |range| local.get(range).and_then(|digits: &str| digits.parse::<u16>().ok());
    let small = |range| parse(range).and_then(|number| u8::try_from(number).ok());
    let wall = (|| {
        let (year, month, day) = (parse(0..4)?, small(5..7)?, small(8..10)?);
        Some(calendar::WallTime { year, month, day, hour: small(11..13)?, minute: small(14..16)?, second: 0 })
    })();
    let wall = wall.unwrap_or_else(|| panic!("`{local}` is not spelt as `2026-11-24T09:00`"));
    let (gap, fold) = (calendar::GapRule::After, calendar::FoldRule::Earlier);
    let at = calendar::from_local(wall, time_zone, gap, fold);
    let at = at.unwrap_or_else(|error| panic!("{local} in {time_zone}: {error}"));
    assert_eq!(shown(at, time_zone), local, "the clocks skip this time in {time_zone}");
    at
}

/// What the clocks of this zone show: `2026-11-24T09:00`.
///
/// # Panics
///
/// When there is no such zone.
#[must_use]
pub fn shown(at: UnixMs, time_zone: &str) -> String {
    let local = calendar::to_local(at, time_zone);
    let local = local.unwrap_or_else(|error| panic!("{error}"));
    let time = TimeOfDay::of(&local);
    format!("{:04}-{:02}-{:02}T{time}", local.year, local.month, local.day)
}

/// A time of the week: `Tue 09:00-12:00`.
///
/// # Panics
///
/// When it is spelt otherwise.
#[must_use]
pub fn window(text: &str) -> Window {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let parsed = text.split_once(' ').and_then(|(day, hours)| {
        let weekday = (1_u8..).zip(days).find(|(_, name)| *name == day)?.0;
        let (from_minute, to_minute) = hours.parse::<crate::Daytime>().ok()?.minutes();
        Some(Window { weekday, from_minute, to_minute })
    });
    parsed.unwrap_or_else(|| panic!("`{text}` is not spelt as `Tue 09:00-12:00`"))
}
