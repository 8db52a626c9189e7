//! `tidings locale missing`: what a translator has still to do, ready to paste.

use super::known;
use crate::cli::CliError;
use crate::render::Catalogue;
use clap::Args;
use std::path::Path;

#[derive(Args)]
#[command(after_help = "Example: tidings locale missing --new so\n\
    Then translate in locales/so/ and take the `# ` away from what is done; a running host sends what is whole.")]
pub(in crate::cli) struct Missing {
    /// The language.
    tag: String,
    /// Begin a new language: make its folder, with every English message as a comment.
    #[arg(long)]
    new: bool,
}

impl Missing {
    pub(super) fn run(self, home: &Path, catalogue: &Catalogue) -> Result<(), CliError> {
        if self.new {
            return self.begin(home, catalogue);
        }
        let tag = known(catalogue, &self.tag)?;
        let files = catalogue.missing(Some(tag));
        for file in &files {
            println!("### locales/{tag}/{}\n\n{}", file.name, file.messages);
        }
        let count: usize = files.iter().map(|file| file.count).sum();
        eprintln!("{count} messages are missing in `{tag}`");
        Ok(())
    }

    fn begin(&self, home: &Path, catalogue: &Catalogue) -> Result<(), CliError> {
        let tag = &self.tag;
        if !catalogue.is_known_language(tag) || tag.contains(['/', '.']) {
            let text = format!("`{tag}` is no language tag; expected one such as `so`, `ht` or `zh-Hant`");
            return Err(CliError::plain(text));
        }
        let folder = home.join("locales").join(tag);
        let failed = |path: &Path| {
            let text = format!("{} cannot be written", path.display());
            move |error| CliError::failed(text, error)
        };
        std::fs::create_dir(&folder).map_err(failed(&folder))?;
        for file in catalogue.missing(None) {
            let path = folder.join(&file.name);
            std::fs::write(&path, file.begun()).map_err(failed(&path))?;
            println!("{}", path.display());
        }
        // Tools of translators read their languages from this list.
        let list = home.join("locales/l10n.toml");
        if let Ok(text) = std::fs::read_to_string(&list)
            && let Some((before, after)) = text.split_once("locales = [")
            && !text.contains(&format!("\"{tag}\""))
        {
            let comma = if after.trim_start().starts_with(']') { "" } else { ", " };
            std::fs::write(&list, format!("{before}locales = [\"{tag}\"{comma}{after}"))
                .map_err(failed(&list))?;
            println!("{}", list.display());
        }
        Ok(())
    }
}
