//! The empty, deterministic WASI that components of other toolchains ask for. It is linked so that they
//! load; nothing of the machine can be reached through it:
//!
//! - no environment, no arguments, no input, no folders, no sockets, no names looked up;
//! - every clock stands at the question's `now`, and a wait is over at once;
//! - random numbers spring from a seed that follows from the question;
//! - what is printed goes into the log of the call, as far as there is room.
//!
//! So an answer is the same years later, whatever the component was made with.

use super::imports::State;
use super::limits::Limits;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use std::time::Duration;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::clocks::{WasiClocksCtxView, WasiClocksView as _};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{self, DynPollable};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The versions of what is linked: `0.2.0` and all that follow it.
pub(super) const VERSION: &str = "0.2";

/// What is linked, and may be imported.
pub(super) const INTERFACES: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Streams and sockets that one call may hold; each costs the host memory.
const HANDLES: usize = 1_000;

/// The most random bytes at a time.
const RANDOM: u64 = 64 << 10;

/// Adds all of [`INTERFACES`].
pub(super) fn link(linker: &mut Linker<State>) -> Result<()> {
    p2::add_to_linker_async(linker)?;
    // The library's own clock would really wait.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, StillClock>(linker, |state| StillClockView(state.clocks()))?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a call's clocks show and its random numbers spring from: both follow from the question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Basis {
    /// Milliseconds since 1970.
    pub(super) now: u64,
    pub(super) seed: u64,
}

impl Basis {
    /// Of a question asked at this moment about the thing of this id.
    pub(super) fn new(now: u64, id: &str) -> Self {
        // FNV-1a: the same in every version of the host.
        let seed = id.bytes().chain(now.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { now, seed }
    }
}

/// One call's WASI. Made when it is first asked for: most policies never do.
pub(super) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    printed: MemoryOutputPipe,
}

impl Wasi {
    pub(super) fn new(basis: Basis, limits: &Limits) -> Box<Self> {
        let printed = MemoryOutputPipe::new(limits.log_bytes.0);
        let random = |salt: u64| Xoshiro256PlusPlus::seed_from_u64(basis.seed ^ salt);
        let context = WasiCtxBuilder::new()
            .stdout(printed.clone())
            .stderr(printed.clone())
            .wall_clock(Still(basis.now))
            .monotonic_clock(Still(basis.now))
            .secure_random(random(0))
            .insecure_random(random(1))
            .insecure_random_seed(u128::from(basis.seed))
            .max_random_size(RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Box::new(Self { context, table, printed })
    }

    /// What was written to standard output and standard error.
    pub(super) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.contents()).into_owned()
    }

    pub(super) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi().view()
    }
}

/// Milliseconds since 1970 at which both clocks stand.
#[derive(Clone, Copy)]
struct Still(u64);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.saturating_mul(1_000_000)
    }
}

struct StillClock;

impl HasData for StillClock {
    type Data<'a> = StillClockView<'a>;
}

/// The monotonic clock, on which every wait is over at once.
struct StillClockView<'a>(WasiClocksCtxView<'a>);

impl monotonic_clock::Host for StillClockView<'_> {
    fn now(&mut self) -> Result<u64> {
        monotonic_clock::Host::now(&mut self.0)
    }

    fn resolution(&mut self) -> Result<u64> {
        monotonic_clock::Host::resolution(&mut self.0)
    }

    fn subscribe_instant(&mut self, _: u64) -> Result<Resource<DynPollable>> {
        self.0.subscribe_duration(0)
    }

    fn subscribe_duration(&mut self, _: u64) -> Result<Resource<DynPollable>> {
        self.0.subscribe_duration(0)
    }
}
