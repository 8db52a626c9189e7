//! `tidings locale pseudo`: languages that nobody speaks, to see what other languages will do.

use crate::cli::CliError;
use crate::render::{Catalogue, Pseudo as Kind};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Ask for the language en-XL or en-XU, or `tidings locale preview --locale en-XL`.")]
pub(in crate::cli) struct Pseudo {
    /// Write them below this folder instead of locales/.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Pseudo {
    pub(super) fn run(self, home: &Path, catalogue: &Catalogue) -> Result<(), CliError> {
        let out = self.out.unwrap_or_else(|| home.join("locales"));
        for kind in [Kind::Longer, Kind::Dearer] {
            let folder = out.join(kind.tag());
            let failed = |path: &Path| {
                let text = format!("{} cannot be written", path.display());
                move |error| CliError::failed(text, error)
            };
            std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
            for (name, text) in catalogue.pseudo(kind) {
                let path = folder.join(name);
                std::fs::write(&path, text).map_err(failed(&path))?;
            }
            println!("{}", folder.display());
        }
        Ok(())
    }
}
