//! The engine: one for the host, set up so that equal questions burn equal fuel everywhere.

use super::bindings::MessagePolicy;
use super::imports::State;
use super::limits::{CEILING, Limits};
use std::hash::{Hash as _, Hasher};
use std::time::Duration;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a running policy is looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What is kept of an instance's memory: the page of a policy that was built with the SDK, and those by which it
/// may grow.
const KEPT: usize = 256 << 10;

/// An engine whose clock ticks as long as anybody holds it.
pub(super) fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config(limits))?;
    let weak = engine.weak();
    std::thread::Builder::new().name("policy-epoch".to_owned()).spawn(move || tick(&weak))?;
    Ok(engine)
}

/// An engine that compiles for the one above, and runs nothing: without its address space.
pub(super) fn compiler() -> wasmtime::Result<Engine> {
    Engine::new(&code(&Limits::default()))
}

/// What a policy may call: the contract's imports, and an empty WASI.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    MessagePolicy::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    super::wasi::link(&mut linker)?;
    Ok(linker)
}

/// A number that differs when code compiled elsewhere, or by another version, would not fit.
pub(super) fn compatibility(engine: &Engine) -> u64 {
    // FNV-1a: the standard library's hasher may change between compilers, which would cost a
    // compilation; this one does not.
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn config(limits: &Limits) -> Config {
    let mut config = code(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, CEILING.memory.0)));
    config
}

/// All that the compiled code depends on.
fn code(limits: &Limits) -> Config {
    let slot = CEILING.memory.0;
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .max_wasm_stack(limits.stack.0)
        // The host's own functions run on the same stack, beyond what the policy may use.
        .async_stack_size(limits.stack.0 + (512 << 10))
        .concurrency_support(false)
        .memory_reservation(slot as u64)
        .memory_guard_size(slot as u64);
    config
}

/// Address space for as many instances as there are calls, and a few for policies being loaded.
/// Nothing of it is memory until it is used. The lowest pages of an instance's memory are set back to what they
/// were and kept for the next one of the same policy, because to give pages back and to fault them in anew
/// costs more than the call, and cores wait for each other over it: the address space is the whole
/// process's. A memory made by `tidings plugin build` is that small as a whole; of a larger one the rest is
/// given back. `pagemap_scan` would find the written pages wherever they are, but wasmtime 48 overlooks what was
/// swapped out or moved meanwhile (its pull request 14357), and an instance that is not fresh is not to be had.
fn pool(limits: &Limits, slot: usize) -> PoolingAllocationConfig {
    let instances = limits.concurrent_calls + 4;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_memories(instances * 2)
        // Python guests are made of more than thirty modules.
        .total_core_instances(instances * 64)
        .total_tables(instances * 64)
        .max_core_instances_per_component(128)
        .max_tables_per_component(128)
        .max_memories_per_component(8)
        .table_elements(50_000)
        .max_memory_size(slot)
        .linear_memory_keep_resident(KEPT)
        // Small enough to be wiped: quicker than asking the system for a new page.
        .table_keep_resident(16 << 10)
        .max_unused_warm_slots(limits.concurrent_calls.min(16));
    pool
}

/// Ends when the engine does: the thread holds no share in it while it sleeps.
fn tick(engine: &EngineWeak) {
    loop {
        std::thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
