//! What `tidings init` writes is carried by the program: of `plugins/` what the host loads, not the sources.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write by its environment")]
fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("plugins");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out)?;
    for folder in ["templates", "locales"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    for entry in fs::read_dir(Path::new("plugins"))? {
        let path = entry?.path();
        let is_loaded = path.extension().is_some_and(|extension| extension == "wasm" || extension == "toml");
        if let (true, Some(name)) = (is_loaded, path.file_name()) {
            println!("cargo::rerun-if-changed={}", path.display());
            fs::copy(&path, out.join(name))?;
        }
    }
    Ok(())
}
