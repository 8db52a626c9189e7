//! What went wrong in a call, in words that name the limit and say what to do.

use super::imports::{State, Stop, one_line};
use super::limits::Limits;
use crate::domain::policy::Blame;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// So much of what a policy says goes into a fault.
pub(super) const SAID: usize = 500;

/// A fault that still has to be told whose it is.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) code: &'static str,
    pub(super) text: String,
    pub(super) blame: Blame,
    /// Burnt by the question until then.
    pub(super) fuel: u64,
    /// Logged until then.
    pub(super) log: Vec<String>,
}

impl Cause {
    pub(super) fn policy(code: &'static str, text: String) -> Self {
        Self { code, text, blame: Blame::Policy, fuel: 0, log: Vec::new() }
    }

    pub(super) fn host(text: String) -> Self {
        Self { blame: Blame::Host, ..Self::policy("host", text) }
    }

    /// The policy answered with words of its own instead of an answer.
    pub(super) fn said(text: &str) -> Self {
        Self::policy("policy-error", one_line(text, SAID))
    }

    /// `fuel` is what this part of the call was given.
    pub(super) fn of(error: &Error, state: &State, limits: &Limits, fuel: u64) -> Self {
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return stopped(*stop, limits);
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return trapped(*trap, error.downcast_ref::<WasmBacktrace>(), state, limits, fuel);
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            let text = format!("it ended itself (`exit({})`){}", exit.0, printed(state));
            return Self::policy("trap", text);
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::host(format!("no room for another call: {error}"));
        }
        // This one has a private type.
        let text = format!("{error:#}");
        if text.contains("fuel allocated for hostcalls") {
            let limit = limits.answer;
            return Self::policy(
                "output-too-large",
                format!("it handed over more than {limit} at once (`answer`): it must answer with less"),
            );
        }
        // What is left is an answer that does not follow the component model: a text that is not
        // UTF-8, a list that lies outside its memory.
        Self::policy("trap", format!("its answer could not be read: {}", one_line(&text, SAID)))
    }
}

fn stopped(stop: Stop, limits: &Limits) -> Cause {
    match stop {
        Stop::Memory { asked, limit } => Cause::policy(
            "memory-limit",
            format!(
                "it asked for {asked} of memory and may have {limit}: raise `memory` if the work is honest"
            ),
        ),
        Stop::Wall(wall) => Cause::policy(
            "timeout",
            format!("it ran for more than {wall}: raise `wall` if the work is honest, lower `fuel` if not"),
        ),
        Stop::LogFlood(lines) => Cause::policy(
            "log-flood",
            format!(
                "it logged more than {lines} lines (`log_calls`), of which {} are kept: it must log less",
                limits.log_lines
            ),
        ),
    }
}

fn trapped(trap: Trap, trace: Option<&WasmBacktrace>, state: &State, limits: &Limits, fuel: u64) -> Cause {
    let place = trace.map(place).unwrap_or_default();
    if trap == Trap::OutOfFuel {
        let text = format!("it used up its {fuel} units of fuel{place}: raise `fuel` if the work is honest");
        return Cause::policy("out-of-fuel", text);
    }
    if trap == Trap::StackOverflow {
        let stack = limits.stack;
        let text =
            format!("it called itself until its stack of {stack} was full{place}: it must recurse less");
        return Cause::policy("stack-overflow", text);
    }
    // A guest has a stack of its own in linear memory, too, and may run off its end before ours.
    if trap == Trap::MemoryOutOfBounds && trace.is_some_and(recurses) {
        let text = format!(
            "it called itself until the stack in its own memory was full{place} (24 KiB, as `tidings plugin build` \
             lays it out): it must recurse less"
        );
        return Cause::policy("stack-overflow", text);
    }
    if trap == Trap::MemoryOutOfBounds {
        let text = format!(
            "it read or wrote outside of its memory{place}; the stack there has 24 KiB, as `tidings plugin build` \
             lays it out, and large tables belong on the heap"
        );
        return Cause::policy("trap", text);
    }
    if trap == Trap::UnreachableCodeReached {
        if let Some(words) = &state.log.last_error
            && words.starts_with("panicked at")
        {
            return Cause::policy("panic", one_line(words, SAID));
        }
        // Other languages print what went wrong, its last line last.
        if let Some(words) = state.printed().lines().rfind(|line| !line.trim().is_empty()) {
            return Cause::policy("panic", one_line(words.trim(), SAID));
        }
    }
    let text = trap.to_string();
    let text = text.strip_prefix("wasm trap: ").unwrap_or(&text);
    Cause::policy("trap", format!("{text}{place}"))
}

/// ` in decide`, where the file kept its names.
fn place(trace: &WasmBacktrace) -> String {
    match trace.frames().iter().find_map(|frame| frame.func_name()) {
        Some(name) => format!(" in `{}`", one_line(name, 120)),
        None => String::new(),
    }
}

/// What it printed last.
fn printed(state: &State) -> String {
    let printed = state.printed();
    let last = printed.lines().rfind(|line| !line.trim().is_empty());
    last.map_or_else(String::new, |line| format!(": {}", one_line(line.trim(), SAID)))
}

/// More than eight frames of one function.
fn recurses(trace: &WasmBacktrace) -> bool {
    let frames = trace.frames();
    let index = |frame: &wasmtime::FrameInfo| frame.func_index();
    frames.iter().any(|one| frames.iter().filter(|other| index(other) == index(one)).count() > 8)
}
