//! One call: a fresh instance, bounded, that is thrown away with all it has seen.

use super::bindings::{MessagePolicy, MessagePolicyPre, asked};
use super::fault::Cause;
use super::imports::{self, State};
use super::limits::Limits;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

/// What all policies share.
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) limits: Limits,
    /// Calls beyond the pool wait rather than fail.
    places: Semaphore,
}

impl Runtime {
    pub(super) fn new(limits: &Limits) -> wasmtime::Result<Self> {
        let engine = super::engine::engine(limits)?;
        let linker = super::engine::linker(&engine)?;
        let places = Semaphore::new(limits.concurrent_calls as usize);
        Ok(Self { engine, linker, limits: limits.clone(), places })
    }
}

/// What came of a call.
pub(super) struct Asked<T> {
    pub(super) answer: T,
    /// Burnt by the question alone: `configure` costs the same each time.
    pub(super) fuel: u64,
    pub(super) log: Vec<String>,
}

/// A fresh instance.
pub(super) struct Session<'a> {
    store: Store<State>,
    guest: MessagePolicy,
    limits: &'a Limits,
    _place: SemaphorePermit<'a>,
}

impl<'a> Session<'a> {
    pub(super) async fn open(
        runtime: &'a Runtime,
        pre: &MessagePolicyPre<State>,
        limits: &'a Limits,
    ) -> Result<Self, Cause> {
        let place = runtime.places.acquire().await.map_err(|error| Cause::host(error.to_string()))?;
        let mut store = Store::new(&runtime.engine, State::new(limits));
        imports::bound(&mut store, limits.wall);
        give(&mut store, limits.start_fuel)?;
        match pre.instantiate_async(&mut store).await {
            Ok(guest) => Ok(Self { store, guest, limits, _place: place }),
            Err(error) => Err(Cause::of(&error, store.data(), limits, limits.start_fuel)),
        }
    }

    pub(super) async fn configure(&mut self, settings: &str) -> Result<(), Cause> {
        give(&mut self.store, self.limits.start_fuel)?;
        let guest = self.guest.tidings_policy_policy();
        match guest.call_configure(&mut self.store, settings).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(words)) => Err(Cause::said(&words)),
            Err(error) => Err(Cause::of(&error, self.store.data(), self.limits, self.limits.start_fuel)),
        }
    }

    /// Asks once; the instance is gone with the answer.
    pub(super) async fn ask<T>(
        mut self,
        fuel: u64,
        question: impl AsyncFnOnce(&asked::Guest, &mut Store<State>) -> wasmtime::Result<Result<T, String>>,
    ) -> Result<Asked<T>, Cause> {
        give(&mut self.store, fuel)?;
        let answer = question(self.guest.tidings_policy_policy(), &mut self.store).await;
        let left = self.store.get_fuel().unwrap_or(0);
        match answer {
            Ok(Ok(answer)) => {
                let log = self.store.into_data().log.into_lines();
                Ok(Asked { answer, fuel: fuel.saturating_sub(left), log })
            }
            Ok(Err(words)) => Err(Cause::said(&words)),
            Err(error) => Err(Cause::of(&error, self.store.data(), self.limits, fuel)),
        }
    }
}

fn give(store: &mut Store<State>, fuel: u64) -> Result<(), Cause> {
    store.set_fuel(fuel).map_err(|error| Cause::host(error.to_string()))
}
