//! `tidings init`: a home from what the program carries, so that one binary is a whole installation.

use super::CliError;
use clap::Args;
use include_dir::{Dir, include_dir};
use std::fs;
use std::path::{Path, PathBuf};

static TEMPLATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/templates");
static LOCALES: Dir = include_dir!("$CARGO_MANIFEST_DIR/locales");
static PLUGINS: Dir = include_dir!("$OUT_DIR/plugins");
const CONFIG: &str = include_str!("tidings.toml");
const UNIT: &str = include_str!("tidings.service");

#[derive(Args)]
pub(super) struct Init {
    /// The folder to make; what is there already is left as it is.
    #[arg(required_unless_present = "systemd")]
    folder: Option<PathBuf>,
    /// Print a systemd unit for the home instead of making it.
    #[arg(long)]
    systemd: bool,
}

impl Init {
    pub(super) fn run(self) -> Result<(), CliError> {
        let folder = self.folder.unwrap_or_else(|| PathBuf::from("/var/lib/tidings"));
        if self.systemd {
            print!("{}", unit(&folder)?);
            return Ok(());
        }
        let parts = [("plugins", &PLUGINS), ("templates", &TEMPLATES), ("locales", &LOCALES)];
        let mut written = 0;
        for (name, part) in parts {
            written += write_all(&folder.join(name), part)?;
        }
        written += write(&folder.join("tidings.toml"), CONFIG.as_bytes())?;
        println!("{written} files written to {}. Next:\n", folder.display());
        println!("  tidings check --home {0}\n  tidings serve --sandbox --home {0}", folder.display());
        Ok(())
    }
}

fn unit(folder: &Path) -> Result<String, CliError> {
    let failed = |error| CliError::failed("the folder has no absolute path", error);
    let folder = std::path::absolute(folder).map_err(failed)?;
    let unit = UNIT.replace("/var/lib/tidings", &folder.to_string_lossy());
    // Where a service may not even look, it cannot have its home.
    let is_hidden = ["/home", "/root", "/run/user"].iter().any(|hidden| folder.starts_with(hidden));
    Ok(if is_hidden { unit.replace("ProtectHome=true", "ProtectHome=read-only") } else { unit })
}

fn write_all(to: &Path, part: &Dir) -> Result<usize, CliError> {
    let mut written = 0;
    for file in part.files() {
        written += write(&to.join(file.path()), file.contents())?;
    }
    for inner in part.dirs() {
        written += write_all(to, inner)?;
    }
    Ok(written)
}

/// A clinic's own file is never written over.
fn write(path: &Path, contents: &[u8]) -> Result<usize, CliError> {
    let failed = |error| CliError::failed(format!("{} cannot be written", path.display()), error);
    if path.exists() {
        return Ok(0);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, contents).map_err(failed)?;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The keys of a section, as its own type names them when it meets one that it does not know.
    fn keys(section: &str) -> Vec<String> {
        let error = toml::from_str::<Config>(&format!("{section}\nno_such_key = 1\n")).unwrap_err();
        error.message().split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_written_configuration_names_every_key_of_its_sections() {
        let sections: Vec<String> = keys("");
        let is_there = |section: &String| CONFIG.contains(&format!("[{section}]"));
        let mut lacking: Vec<String> =
            sections.iter().filter(|section| !is_there(section)).cloned().collect();
        for section in CONFIG.split("\n[").skip(1) {
            let (name, body) = section.split_once(']').unwrap();
            assert!(sections.iter().any(|known| known == name), "[{name}] is no section");
            for key in keys(&format!("[{name}]")) {
                // Another name for a number, kept for those who know it.
                let is_there = body.lines().any(|line| line.starts_with(&format!("# {key} = ")));
                if !is_there && key != "from" {
                    lacking.push(format!("{name}.{key}"));
                }
            }
        }
        assert!(lacking.is_empty(), "not in tidings.toml: {lacking:?}");
    }

    #[test]
    fn a_unit_lets_the_host_write_to_its_home_and_nowhere_else() {
        for (home, protected) in [("/srv/clinic", "true"), ("/home/ana/clinic", "read-only")] {
            let unit = unit(Path::new(home)).unwrap();
            let lines: Vec<&str> = unit.lines().collect();
            for line in [
                format!("ExecStart=/usr/local/bin/tidings serve --home {home}"),
                format!("ReadWritePaths={home}"),
                format!("ProtectHome={protected}"),
                "ProtectSystem=strict".to_owned(),
            ] {
                assert!(lines.contains(&line.as_str()), "{line} is not in\n{unit}");
            }
        }
    }

    #[test]
    fn the_written_configuration_is_the_default_and_can_be_uncommented() {
        let whole: String = CONFIG
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let all: Config = toml::from_str(&whole).unwrap();
        let untouched: Config = toml::from_str(CONFIG).unwrap();
        let default = Config::default();
        assert_eq!(format!("{untouched:?}"), format!("{default:?}"));
        assert_eq!(format!("{:?}", all.guard), format!("{:?}", default.guard));
        assert_eq!(format!("{:?}", all.lanes), format!("{:?}", default.lanes));
        assert_eq!(all.server.requests_per_minute, default.server.requests_per_minute);
        assert_eq!(
            (all.server.connections, all.server.body_limit),
            (default.server.connections, default.server.body_limit)
        );
        assert_eq!(all.twilio.price_per_segment, default.twilio.price_per_segment);
    }
}
