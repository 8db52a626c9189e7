//! The hash of everything that a built policy depends on, and of nothing else: a new dependency of
//! the host does not make the committed policies look stale.

use super::build::BuildError;
use super::hex;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// SHA-256 over the policy's crate, the SDK, the contract, the locked packages that both name, and what
/// the compiler says of itself. Line endings do not count.
///
/// # Errors
///
/// One of the files is missing, or a manifest is not what Cargo writes.
pub fn source_hash(
    workspace_root: &Path,
    plugin_crate_dir: &Path,
    compiler: &str,
) -> Result<String, BuildError> {
    let plugin = workspace_root.join(plugin_crate_dir);
    let mut files = BTreeMap::new();
    for folder in [&plugin, &workspace_root.join("plugins/sdk")] {
        collect(workspace_root, &folder.join("Cargo.toml"), &mut files)?;
        collect(workspace_root, &folder.join("src"), &mut files)?;
    }
    collect(workspace_root, &workspace_root.join("plugins/wit"), &mut files)?;
    let manifests = [plugin.join("Cargo.toml"), workspace_root.join("plugins/sdk/Cargo.toml")];
    let packages = locked(&workspace_root.join("Cargo.lock"), manifests.each_ref().map(PathBuf::as_path))?;

    let mut hasher = Sha256::new();
    for (path, contents) in &files {
        add(&mut hasher, path, contents);
    }
    add(&mut hasher, "Cargo.lock", packages.as_bytes());
    add(&mut hasher, "compiler", compiler.trim().as_bytes());
    Ok(hex(&hasher.finalize()))
}

/// The length stands between name and contents, so that neither can be taken for the other.
fn add(hasher: &mut Sha256, name: &str, contents: &[u8]) {
    hasher.update(format!("{name}\n{}\n", contents.len()));
    hasher.update(contents);
}

/// A file, or all files below a folder, by their path from the root with `/` in it.
fn collect(root: &Path, path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), BuildError> {
    let unreadable = |source| BuildError::Unreadable { file: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // What editors and file managers leave lying about.
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                collect(root, &entry.path(), files)?;
            }
        }
        return Ok(());
    }
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    let contents = fs::read(path).map_err(unreadable)?;
    files.insert(parts.join("/"), without_carriage_returns(&contents));
    Ok(())
}

fn without_carriage_returns(contents: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(contents.len());
    for (at, byte) in contents.iter().enumerate() {
        if !(*byte == b'\r' && contents.get(at + 1) == Some(&b'\n')) {
            kept.push(*byte);
        }
    }
    kept
}

/// What of a manifest ends up in the guest: no tests, and nothing that only native builds need.
#[derive(Deserialize)]
struct Manifest {
    package: Named,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Name, version and checksum of every package that the manifests name, one a line, sorted. What those
/// depend on in turn is left out: the lock file is the whole workspace's, and a feature that the host
/// asks for puts packages into it that no guest is built with.
fn locked(lock_file: &Path, manifests: [&Path; 2]) -> Result<String, BuildError> {
    let lock: Lock = read(lock_file)?;
    let mut lines = BTreeSet::new();
    for manifest in manifests {
        let manifest: Manifest = read(manifest)?;
        let missing = |name: &str| BuildError::Manifest {
            file: lock_file.to_owned(),
            source: format!("there is no package `{name}` in it").into(),
        };
        let name = &manifest.package.name;
        let package = find(&lock.package, name).ok_or_else(|| missing(name))?;
        let in_the_guest = |wanted: &&String| {
            wanted.split(' ').next().is_some_and(|name| manifest.dependencies.contains_key(name))
        };
        for wanted in package.dependencies.iter().filter(in_the_guest) {
            let found = find(&lock.package, wanted).ok_or_else(|| missing(wanted))?;
            let checksum = found.checksum.as_deref().unwrap_or("-");
            lines.insert(format!("{} {} {checksum}\n", found.name, found.version));
        }
    }
    Ok(lines.into_iter().collect())
}

/// `serde`, or `syn 2.0.119` where there are several, or that with its registry behind.
fn find<'a>(packages: &'a [Package], wanted: &str) -> Option<&'a Package> {
    let mut words = wanted.split(' ');
    let (name, version) = (words.next()?, words.next());
    packages
        .iter()
        .find(|package| package.name == name && version.is_none_or(|version| package.version == version))
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, BuildError> {
    let text = fs::read_to_string(file)
        .map_err(|source| BuildError::Unreadable { file: PathBuf::from(file), source })?;
    toml::from_str(&text)
        .map_err(|error| BuildError::Manifest { file: PathBuf::from(file), source: error.into() })
}
