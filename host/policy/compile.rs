//! From bytes to code. Compiling is the one expensive thing, and the one that a file can make dangerous: it
//! runs in a child process of our own program, niced, with limits on memory and time that the system holds.

use super::cache::{self, Cache};
use super::imports::one_line;
use super::limits::Limits;
use super::load::Refusal;
use super::run::Runtime;
use super::{admission, engine};
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use std::error::Error;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use wasmtime::component::Component;

/// The argument under which our own program compiles: `tidings compile-policy <bytes> <seconds>`.
pub const CHILD: &str = "compile-policy";

/// How the child says that the file is at fault, its words on standard error.
const REFUSED: u8 = 3;

pub(super) struct Code {
    pub(super) component: Component,
    pub(super) hash: String,
    /// The version of the contract that it was built for.
    pub(super) contract: String,
    pub(super) size: u64,
    pub(super) from_cache: bool,
}

/// Reads, checks and compiles, away from the threads that serve.
pub(super) async fn code(runtime: &Runtime, cache: &Cache, path: &Path) -> Result<Code, Refusal> {
    let stopped = |error: Box<dyn Error + Send + Sync>| {
        Refusal::caused("unreadable", "the file could not be read to its end", error)
    };
    let (engine, kept, file) = (runtime.engine.clone(), cache.clone(), path.to_owned());
    let limit = runtime.limits.file;
    let read = move || {
        let unreadable = |error| Refusal::caused("unreadable", "the file could not be read", error);
        admission::size(fs::metadata(&file).map_err(unreadable)?.len(), limit)?;
        let wasm = fs::read(&file).map_err(unreadable)?;
        let contract = admission::check(&wasm, limit)?;
        let hash = cache::hash(&wasm);
        let component = kept.fetch(&engine, &hash);
        if component.is_some() {
            kept.keep_source(&hash, &wasm);
        }
        Ok((Arc::new(wasm), hash, contract, component))
    };
    let (wasm, hash, contract, component) =
        tokio::task::spawn_blocking(read).await.map_err(|error| stopped(error.into()))??;
    let size = wasm.len() as u64;
    if let Some(component) = component {
        return Ok(Code { component, hash, contract, size, from_cache: true });
    }
    let _place = runtime.compilers.acquire().await.map_err(|error| stopped(error.into()))?;
    let compiled = if let Some(program) = cache.compiler() {
        in_child(program, &runtime.limits, &wasm).await?
    } else {
        let (engine, wasm) = (runtime.engine.clone(), wasm.clone());
        let work = move || engine.precompile_component(&wasm);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| stopped(error.into()))?
            .map_err(|error| refused(&error))?
    };
    let (engine, cache, path, name) = (runtime.engine.clone(), cache.clone(), path.to_owned(), hash.clone());
    let take = move || {
        if let Err(error) = cache.keep(&engine, &name, &compiled) {
            let (file, error) = (path.display(), error.to_string());
            tracing::warn!(%file, error, "a compiled policy could not be kept: the next start compiles it again");
        }
        cache.keep_source(&name, &wasm);
        cache::revive(&engine, &compiled).map_err(|error| refused(&error))
    };
    let component = tokio::task::spawn_blocking(take).await.map_err(|error| stopped(error.into()))??;
    Ok(Code { component, hash, contract, size, from_cache: false })
}

fn refused(error: &wasmtime::Error) -> Refusal {
    let text = format!("it cannot be compiled: {}", one_line(&format!("{error:#}"), 500));
    Refusal::new("compile-failed", text)
}

/// The code that a child of ours makes of a policy. It gets the bytes and nothing else: no environment, no
/// other file.
async fn in_child(program: &Path, limits: &Limits, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (memory, time) = (limits.compile_memory, limits.compile_time);
    let failed = |error: io::Error| {
        Refusal::caused("compile-failed", "the program that compiles could not be run", error)
    };
    let mut child = Command::new(program)
        .args([CHILD, &memory.0.to_string(), &time.0.as_secs().max(1).to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut input = child.stdin.take();
    let work = async {
        if let Some(input) = &mut input {
            // One that died before it had read everything says why by its end.
            let _ = input.write_all(wasm).await;
        }
        drop(input);
        child.wait_with_output().await
    };
    // Its processor time is bounded by the system; this is for one that waits.
    let output = tokio::time::timeout(2 * time.0, work).await.map_err(|busy| {
        let text = format!("its compilation took longer than {time} (`compile_time` in `[policy]`)");
        Refusal::caused("compile-limit", text, busy)
    })?;
    let output = output.map_err(failed)?;
    match output.status.code() {
        Some(0) => Ok(output.stdout),
        Some(code) if code == i32::from(REFUSED) => {
            let words = one_line(String::from_utf8_lossy(&output.stderr).trim(), 500);
            Err(Refusal::new("compile-failed", format!("it cannot be compiled: {words}")))
        }
        Some(_) | None => {
            let text = format!(
                "its compilation was stopped: it may use {memory} of memory and {time} of processor time \
                 (`compile_memory`, `compile_time` in `[policy]`)"
            );
            Err(Refusal::new("compile-limit", text))
        }
    }
}

/// What the child does: takes its limits upon itself, reads a component from standard input, and writes the
/// code to standard output.
#[must_use]
pub fn compile_as_child(memory: u64, seconds: u64) -> ExitCode {
    let bound = |resource, limit| {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).map_err(io::Error::from)
    };
    let compiled = (|| {
        bound(Resource::As, memory)?;
        bound(Resource::Cpu, seconds)?;
        bound(Resource::Core, 0)?;
        // Those who wait for a text come first.
        let _ = nice(10);
        let mut wasm = Vec::new();
        io::stdin().lock().read_to_end(&mut wasm)?;
        Ok::<_, io::Error>(wasm)
    })();
    let Ok(wasm) = compiled else { return ExitCode::FAILURE };
    let compiled = engine::compiler().and_then(|engine| engine.precompile_component(&wasm));
    match compiled {
        Ok(code) => match io::stdout().lock().write_all(&code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let _ = write!(io::stderr(), "{error:#}");
            ExitCode::from(REFUSED)
        }
    }
}
