//! What a home folder holds for texts, read at one moment. Two readings can be compared, so that a
//! watcher that cries for nothing costs nothing.

use super::RenderLoadError;
use super::fault::Fault;
use super::source::{Reader, Source};
use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::path::Path;

/// One file: its text, or why it is none.
pub(super) type Read = Result<Source, Fault>;

/// The files of `templates/` and `locales/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// `<type>.j2` and `<type>.toml` by name.
    pub(super) templates: BTreeMap<String, Read>,
    /// The `.ftl` files of each folder, by name; a folder that cannot be read has one without a name.
    pub(super) locales: BTreeMap<String, BTreeMap<String, Read>>,
}

impl Files {
    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// One of the two folders cannot be read. A file or a locale that cannot is a fault of its own.
    pub(super) fn read(home: &Path) -> Result<Self, RenderLoadError> {
        let mut reader = Reader::default();
        let templates = folder(&mut reader, home, "templates", &["j2", "toml"])?;
        let mut locales = BTreeMap::new();
        for tag in entries(&home.join("locales"), is_folder)? {
            let name = format!("locales/{tag}");
            let files = folder(&mut reader, home, &name, &["ftl"]).unwrap_or_else(|error| {
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                let text = format!("the folder cannot be read: {source}");
                BTreeMap::from([(String::new(), Err(Fault::whole(&name, text)))])
            });
            locales.insert(tag, files);
        }
        Ok(Self { templates, locales })
    }
}

/// The files of a folder that end in one of these.
fn folder(
    reader: &mut Reader,
    home: &Path,
    name: &str,
    endings: &[&str],
) -> Result<BTreeMap<String, Read>, RenderLoadError> {
    let path = home.join(name);
    let is_wanted =
        |_: &DirEntry, file: &str| file.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending));
    let files = entries(&path, is_wanted)?;
    Ok(files
        .into_iter()
        .map(|file| {
            let read = reader.read(&path.join(&file), format!("{name}/{file}"));
            (file, read)
        })
        .collect())
}

/// Names in a folder, without hidden ones: editors keep their drafts there.
fn entries(
    folder: &Path,
    is_wanted: impl Fn(&DirEntry, &str) -> bool,
) -> Result<Vec<String>, RenderLoadError> {
    let failed = |source| RenderLoadError::Folder { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(name) = entry.file_name().to_str()
            && !name.starts_with('.')
            && is_wanted(&entry, name)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The folder's own listing says what is one, but for what a link leads to.
fn is_folder(entry: &DirEntry, _: &str) -> bool {
    entry.file_type().is_ok_and(|is| is.is_dir() || is.is_symlink() && entry.path().is_dir())
}
