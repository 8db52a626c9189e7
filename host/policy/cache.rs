//! Compiled policies on disk. Nothing is trusted for lying there: an entry counts only with a MAC
//! under the host's own key, and one that is missing, stale or touched is compiled again.

use super::archive::{self, Archive};
use super::{engine, hex};
use crate::disk::write_whole;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiled code that nobody has taken up for so long is of no use.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// A private folder for compiled policies, and the key under which they are sealed.
#[derive(Clone)]
pub struct Cache {
    folder: PathBuf,
    key: [u8; 32],
    compiler: Option<PathBuf>,
    archive: Option<Archive>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Cache {
    /// The folder is made at the first use, for the host's own user only.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, key: [u8; 32]) -> Self {
        Self { folder: folder.into(), key, compiler: None, archive: None }
    }

    /// Has this program, which is our own, compile in a process of its own; see
    /// [`compile_as_child`](super::compile_as_child). Without it this process compiles.
    #[must_use]
    pub fn compiled_by(self, program: impl Into<PathBuf>) -> Self {
        Self { compiler: Some(program.into()), ..self }
    }

    /// Keeps what was at work, so that it can be taken up again and asked again.
    #[must_use]
    pub fn archived_in(self, archive: Archive) -> Self {
        Self { archive: Some(archive), ..self }
    }

    pub(super) fn compiler(&self) -> Option<&Path> {
        self.compiler.as_deref()
    }

    pub(super) fn archive(&self) -> Option<&Archive> {
        self.archive.as_ref()
    }

    pub(super) fn keep_source(&self, hash: &str, wasm: &[u8]) {
        if let Some(archive) = &self.archive {
            archive.keep_wasm(hash, wasm);
        }
    }

    /// The compiled form of the `.wasm` with this hash, if we compiled it for this engine.
    pub(super) fn fetch(&self, engine: &Engine, hash: &str) -> Option<Component> {
        let path = self.entry(engine, hash);
        let code = fs::read(&path).ok()?;
        let tag = fs::read(path.with_extension("mac")).ok()?;
        if self.mac(&path, &code).verify_slice(&tag).is_err() {
            tracing::warn!(file = %path.display(), "a compiled policy in the cache was changed; it is compiled again");
            return None;
        }
        for used in [&path, &path.with_extension("mac")] {
            // On a disk that cannot be written to nothing is removed either.
            let _ = fs::File::options()
                .append(true)
                .open(used)
                .and_then(|file| file.set_modified(archive::now()));
        }
        revive(engine, &code).ok()
    }

    /// Removes what nobody has taken up for a month, by this version of the host or another: replaced policies,
    /// and the code of engines before this one. Whoever still wants it compiles it again.
    pub(super) fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).map(|at| at.elapsed());
            if matches!(age, Ok(Ok(age)) if age > UNUSED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Keeps a compiled policy for the next start.
    pub(super) fn keep(&self, engine: &Engine, hash: &str, code: &[u8]) -> io::Result<()> {
        make_private(&self.folder)?;
        let path = self.entry(engine, hash);
        let tag = self.mac(&path, code).finalize().into_bytes();
        // A crash between the two leaves a pair that does not match, which is compiled again.
        write_whole(&path, code)?;
        write_whole(&path.with_extension("mac"), &tag)
    }

    fn entry(&self, engine: &Engine, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}-{:016x}.cwasm", engine::compatibility(engine)))
    }

    /// Over the name as well, so that one entry cannot stand in for another.
    fn mac(&self, path: &Path, code: &[u8]) -> Hmac<Sha256> {
        // HMAC itself fills a key up with zeros; done here, nothing can fail.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name);
        mac.update(code);
        mac
    }
}

/// Code that this host's own compiler wrote, made ready to run.
pub(super) fn revive(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(unsafe_code, reason = "the bytes are verified to be what this host's own compiler wrote")]
    // SAFETY: `deserialize` needs bytes that wasmtime's own compiler wrote. They come straight from it, in
    // this process or over a pipe from a child that is this very program, or from the cache, where the MAC
    // is over these very bytes and the name that holds the hash and the engine, under a key that only the
    // host has.
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// A folder that nobody else can read or write.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The hash under which a `.wasm` is known.
pub(super) fn hash(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&Sha256::digest(bytes))
}
