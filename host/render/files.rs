//! What a home folder holds for texts, read at one moment. Two readings can be compared, so that a
//! watcher that cries for nothing costs nothing.

use super::RenderLoadError;
use super::fault::Fault;
use super::source::{self, Source};
use std::collections::BTreeMap;
use std::ffi::OsStr;
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
        let is_template = |path: &Path| has_extension(path, "j2") || has_extension(path, "toml");
        let templates = folder(home, "templates", is_template)?;
        let mut locales = BTreeMap::new();
        for tag in entries(&home.join("locales"), Path::is_dir)? {
            let name = format!("locales/{tag}");
            let files = folder(home, &name, |path| has_extension(path, "ftl")).unwrap_or_else(|error| {
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                let text = format!("the folder cannot be read: {source}");
                BTreeMap::from([(String::new(), Err(Fault::whole(&name, text)))])
            });
            locales.insert(tag, files);
        }
        Ok(Self { templates, locales })
    }
}

fn folder(
    home: &Path,
    name: &str,
    wanted: impl Fn(&Path) -> bool,
) -> Result<BTreeMap<String, Read>, RenderLoadError> {
    let path = home.join(name);
    let files = entries(&path, wanted)?;
    Ok(files
        .into_iter()
        .map(|file| {
            let read = source::read(&path.join(&file), &format!("{name}/{file}"));
            (file, read)
        })
        .collect())
}

/// Names in a folder, without hidden ones: editors keep their drafts there.
fn entries(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, RenderLoadError> {
    let failed = |source| RenderLoadError::Folder { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(name) = entry.file_name().to_str()
            && !name.starts_with('.')
            && wanted(&entry.path())
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}
