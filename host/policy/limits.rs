//! What a policy may use. Fuel is the rule, because it is the same on every machine and every day;
//! the wall clock is the backstop.

use super::quantity::{Bytes, Span};
use serde::Deserialize;
use std::time::Duration;

/// `[policy]` of `tidings.toml`: what one policy may use for one call. A policy's own `.toml` may
/// set `fuel`, `memory` and `wall` for itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest `.wasm`: 24 MiB, at most 64 MiB.
    pub file: Bytes,
    /// Fuel for one question; about one unit for each instruction. 100 million, at most 2 billion.
    pub fuel: u64,
    /// Fuel for `describe` and for `configure`: 500 million, at most 2 billion.
    pub start_fuel: u64,
    /// How long one call may run: 250 ms, at least 10 ms, at most 2 s.
    pub wall: Span,
    /// All linear memories together: 32 MiB, at most 64 MiB.
    pub memory: Bytes,
    /// The WebAssembly stack: 512 KiB, at least 64 KiB, at most 512 KiB.
    pub stack: Bytes,
    /// The largest answer, and the largest text in one call of the host: 256 KiB, at most 1 MiB.
    pub answer: Bytes,
    /// Lines kept of what one call logs: 64, at most 1,000.
    pub log_lines: u32,
    /// Bytes kept of what one call logs: 16 KiB, at most 256 KiB.
    pub log_bytes: Bytes,
    /// Where a line is cut: 1 KiB, at most 16 KiB.
    pub log_line: Bytes,
    /// After so many lines, kept or not, the call is stopped: 10,000, at most 100,000.
    pub log_calls: u32,
    /// Messages that one event may plan: 20, at most 100.
    pub planned_messages: u32,
    /// How far a message may be put off at a time: 30 days, at least a minute, at most 90 days.
    pub defer: Span,
    /// How often a message may be put off, before a person must look: 10, at most 100.
    pub deferrals: u32,
    /// Calls at the same time, the others wait: 16, at most 32.
    pub concurrent_calls: u32,
    /// Processor time for compiling one `.wasm`: 120 s, at least 1 s, at most 300 s.
    pub compile_time: Span,
    /// Memory for compiling one `.wasm`: 1536 MiB, at least 64 MiB, at most 3 GiB.
    pub compile_memory: Bytes,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: Bytes(24 << 20),
            fuel: 100_000_000,
            start_fuel: 500_000_000,
            wall: Span(Duration::from_millis(250)),
            memory: Bytes(32 << 20),
            stack: Bytes(512 << 10),
            answer: Bytes(256 << 10),
            log_lines: 64,
            log_bytes: Bytes(16 << 10),
            log_line: Bytes(1 << 10),
            log_calls: 10_000,
            planned_messages: 20,
            defer: Span(Duration::from_hours(24 * 30)),
            deferrals: 10,
            concurrent_calls: 16,
            compile_time: Span(Duration::from_mins(2)),
            compile_memory: Bytes(1536 << 20),
        }
    }
}

/// The most an operator may allow.
pub(super) const CEILING: Limits = Limits {
    file: Bytes(64 << 20),
    fuel: 2_000_000_000,
    start_fuel: 2_000_000_000,
    wall: Span(Duration::from_secs(2)),
    memory: Bytes(64 << 20),
    stack: Bytes(512 << 10),
    answer: Bytes(1 << 20),
    log_lines: 1_000,
    log_bytes: Bytes(256 << 10),
    log_line: Bytes(16 << 10),
    log_calls: 100_000,
    planned_messages: 100,
    defer: Span(Duration::from_hours(24 * 90)),
    deferrals: 100,
    concurrent_calls: 32,
    compile_time: Span(Duration::from_mins(5)),
    compile_memory: Bytes(3 << 30),
};

/// The least with which a policy can work at all.
const FLOOR: Limits = Limits {
    file: Bytes(1),
    fuel: 1,
    start_fuel: 1,
    wall: Span(Duration::from_millis(10)),
    memory: Bytes(64 << 10),
    stack: Bytes(64 << 10),
    answer: Bytes(1 << 10),
    log_lines: 0,
    log_bytes: Bytes(0),
    log_line: Bytes(16),
    log_calls: 1,
    planned_messages: 1,
    defer: Span(Duration::from_mins(1)),
    deferrals: 1,
    concurrent_calls: 1,
    compile_time: Span(Duration::from_secs(1)),
    compile_memory: Bytes(64 << 20),
};

/// A limit is set to what it cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is {value}; it can be from {floor} to {ceiling}")]
pub struct LimitsError {
    /// The limit's name.
    pub name: &'static str,
    value: String,
    floor: String,
    ceiling: String,
}

/// `[limits]` of a policy's own `.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Overrides {
    fuel: Option<u64>,
    memory: Option<Bytes>,
    wall: Option<Span>,
}

/// The fuel for a question that was asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuel {
    /// It came to the end of this.
    Exactly(u64),
    /// It used this, and had more.
    MoreThan(u64),
}

impl Limits {
    /// Whether every limit is one that the host can keep.
    ///
    /// # Errors
    ///
    /// Names the first limit above its ceiling or below its floor.
    pub fn validate(&self) -> Result<(), LimitsError> {
        macro_rules! within {
            ($($name:ident)*) => {$(
                if !(FLOOR.$name..=CEILING.$name).contains(&self.$name) {
                    return Err(LimitsError {
                        name: stringify!($name),
                        value: self.$name.to_string(),
                        floor: FLOOR.$name.to_string(),
                        ceiling: CEILING.$name.to_string(),
                    });
                }
            )*};
        }
        within!(file fuel start_fuel wall memory stack answer log_lines log_bytes log_line log_calls);
        within!(planned_messages defer deferrals concurrent_calls compile_time compile_memory);
        Ok(())
    }

    /// What a policy sets for itself, with the fuel that a question had before: limits may have been raised or
    /// lowered since.
    pub(super) fn fueled(&self, own: Overrides, fuel: Fuel) -> Overrides {
        let fuel = match fuel {
            Fuel::Exactly(fuel) => fuel,
            Fuel::MoreThan(used) => {
                own.fuel.unwrap_or(self.fuel).max(used.saturating_add(1).min(CEILING.fuel))
            }
        };
        Overrides { fuel: Some(fuel), ..own }
    }

    /// These limits with what one policy sets for itself.
    pub(super) fn with(&self, own: Overrides) -> Result<Self, LimitsError> {
        let limits = Self {
            fuel: own.fuel.unwrap_or(self.fuel),
            memory: own.memory.unwrap_or(self.memory),
            wall: own.wall.unwrap_or(self.wall),
            ..self.clone()
        };
        limits.validate()?;
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_so_are_the_ceilings() {
        Limits::default().validate().unwrap();
        CEILING.validate().unwrap();
        FLOOR.validate().unwrap();
    }

    #[test]
    fn a_limit_above_its_ceiling_is_refused_by_name() {
        let limits: Limits = toml::from_str("fuel = 3000000000").unwrap();
        let error = limits.validate().unwrap_err().to_string();
        assert_eq!(error, "`fuel` is 3000000000; it can be from 1 to 2000000000");

        let limits: Limits = toml::from_str("memory = '65 MiB'").unwrap();
        let error = limits.validate().unwrap_err().to_string();
        assert_eq!(error, "`memory` is 65 MiB; it can be from 64 KiB to 64 MiB");
    }

    #[test]
    fn an_unknown_limit_is_refused_by_name() {
        let error = toml::from_str::<Limits>("fule = 1").unwrap_err().to_string();
        assert!(error.contains("unknown field `fule`, expected one of `file`, `fuel`"), "{error}");
    }

    #[test]
    fn a_policy_sets_its_own_limits_below_the_ceilings_only() {
        let own: Overrides = toml::from_str("wall = '1s'\nmemory = '48 MiB'").unwrap();
        let limits = Limits::default().with(own).unwrap();
        assert_eq!((limits.wall.millis(), limits.memory), (1000, Bytes(48 << 20)));
        assert_eq!(limits.fuel, Limits::default().fuel);

        let own: Overrides = toml::from_str("wall = '3s'").unwrap();
        assert_eq!(Limits::default().with(own).unwrap_err().name, "wall");
    }
}
