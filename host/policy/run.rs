//! One call: a fresh instance, bounded, that is thrown away with all it has seen.

use super::bindings::types;
use super::exports::Exports;
use super::fault::Cause;
use super::imports::{self, State};
use super::limits::Limits;
use super::quantity::Bytes;
use super::wasi::Basis;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Linker, Lower};
use wasmtime::{Engine, Store};

/// What all policies share.
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) limits: Limits,
    /// Whether everything is sent, and no policy asked: what the bench holds the real thing against.
    pub(super) sends_all: bool,
    /// Calls beyond the pool wait rather than fail.
    places: Semaphore,
    /// So that one file that takes long to compile does not hold up the next, and many do not take the
    /// machine.
    pub(super) compilers: Semaphore,
}

/// Compilations at the same time.
const COMPILERS: usize = 2;

impl Runtime {
    pub(super) fn new(limits: &Limits) -> wasmtime::Result<Self> {
        let engine = super::engine::engine(limits)?;
        let linker = super::engine::linker(&engine)?;
        let places = Semaphore::new(limits.concurrent_calls as usize);
        let compilers = Semaphore::new(COMPILERS);
        Ok(Self { engine, linker, limits: limits.clone(), sends_all: false, places, compilers })
    }
}

/// What came of a call.
pub(super) struct Asked<T> {
    pub(super) answer: T,
    pub(super) log: Vec<String>,
    pub(super) cost: Cost,
}

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Burnt by the start and by `configure`, the same each time.
    pub start_fuel: u64,
    /// Burnt by the question.
    pub fuel: u64,
    /// The most linear memory it had.
    pub memory: Bytes,
}

/// A fresh instance.
pub(super) struct Session<'a> {
    store: Store<State>,
    instance: Instance,
    exports: &'a Exports,
    limits: &'a Limits,
    start_fuel: u64,
    _place: SemaphorePermit<'a>,
}

impl<'a> Session<'a> {
    pub(super) async fn open(
        runtime: &'a Runtime,
        exports: &'a Exports,
        limits: &'a Limits,
        basis: Basis,
    ) -> Result<Self, Cause> {
        let place = runtime.places.acquire().await.map_err(|error| Cause::host(error.to_string()))?;
        let mut store = Store::new(&runtime.engine, State::new(limits, basis));
        imports::bound(&mut store, limits.wall);
        give(&mut store, limits.start_fuel)?;
        match exports.pre.instantiate_async(&mut store).await {
            Ok(instance) => {
                let start_fuel = burnt(&store, limits.start_fuel);
                Ok(Self { store, instance, exports, limits, start_fuel, _place: place })
            }
            Err(error) => Err(Cause::of(&error, store.data(), limits, limits.start_fuel)),
        }
    }

    pub(super) async fn configure(&mut self, settings: &str) -> Result<(), Cause> {
        give(&mut self.store, self.limits.start_fuel)?;
        let configured: wasmtime::Result<Result<(), String>> =
            self.call(&self.exports.configure, (settings,)).await;
        match configured {
            Ok(Ok(())) => {
                self.start_fuel += burnt(&self.store, self.limits.start_fuel);
                Ok(())
            }
            Ok(Err(words)) => Err(Cause::said(&words)),
            Err(error) => Err(Cause::of(&error, self.store.data(), self.limits, self.limits.start_fuel)),
        }
    }

    /// Asks the policy what it is; the instance is gone with the answer.
    pub(super) async fn describe(mut self) -> Result<Asked<types::Description>, Cause> {
        let fuel = self.limits.start_fuel;
        give(&mut self.store, fuel)?;
        let description = self.call(&self.exports.describe, ()).await;
        self.ended(fuel, description.map(Ok))
    }

    /// Asks once; the instance is gone with the answer.
    pub(super) async fn ask<Question, T>(
        mut self,
        fuel: u64,
        function: &ComponentExportIndex,
        question: Question,
    ) -> Result<Asked<T>, Cause>
    where
        (Question,): ComponentNamedList + Lower,
        T: Lift + Send + Sync + 'static,
    {
        give(&mut self.store, fuel)?;
        let answer = self.call(function, (question,)).await;
        self.ended(fuel, answer)
    }

    fn ended<T>(self, fuel: u64, answer: wasmtime::Result<Result<T, String>>) -> Result<Asked<T>, Cause> {
        match answer {
            Ok(Ok(answer)) => {
                let burnt = burnt(&self.store, fuel);
                let state = self.store.into_data();
                let cost = Cost { start_fuel: self.start_fuel, fuel: burnt, memory: state.memory() };
                Ok(Asked { answer, log: state.into_lines(), cost })
            }
            Ok(Err(words)) => Err(self.broken_off(Cause::said(&words), fuel)),
            Err(error) => {
                let cause = Cause::of(&error, self.store.data(), self.limits, fuel);
                Err(self.broken_off(cause, fuel))
            }
        }
    }

    /// Calls a function of the contract.
    async fn call<Question, Answer>(
        &mut self,
        function: &ComponentExportIndex,
        question: Question,
    ) -> wasmtime::Result<Answer>
    where
        Question: ComponentNamedList + Lower,
        Answer: Lift + Send + Sync + 'static,
    {
        let function = self.instance.get_typed_func::<Question, (Answer,)>(&mut self.store, function)?;
        let (answer,) = function.call_async(&mut self.store, question).await?;
        Ok(answer)
    }

    /// A fault, with what the question had used and logged until then.
    fn broken_off(self, cause: Cause, given: u64) -> Cause {
        let fuel = burnt(&self.store, given);
        Cause { fuel, log: self.store.into_data().into_lines(), ..cause }
    }
}

/// What is gone of the fuel that was given last.
fn burnt(store: &Store<State>, given: u64) -> u64 {
    given.saturating_sub(store.get_fuel().unwrap_or(0))
}

fn give(store: &mut Store<State>, fuel: u64) -> Result<(), Cause> {
    store.set_fuel(fuel).map_err(|error| Cause::host(error.to_string()))
}
