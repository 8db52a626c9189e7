//! Policies in JavaScript and Python: their authors' own tools make the component.

use crate::cli::CliError;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the sources of a policy are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Rust,
    Javascript,
    Python,
}

impl Source {
    /// By the file that every policy of the language has.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let has = |file: &str| folder.join(file).is_file();
        if has("Cargo.toml") {
            Some(Self::Rust)
        } else if has("policy.js") {
            Some(Self::Javascript)
        } else if has("policy.py") {
            Some(Self::Python)
        } else {
            None
        }
    }
}

/// Makes a component of `policy.js`. Left out is what would ask for the network, which no policy has.
pub(super) fn javascript(folder: &Path, contract: &Path, out: &Path) -> Result<(), CliError> {
    let own = folder.join("node_modules/.bin/componentize-js");
    let tool = if own.is_file() { own } else { PathBuf::from("componentize-js") };
    let mut command = Command::new(tool);
    command.arg(folder.join("policy.js")).arg("--wit").arg(contract);
    command.args(["--world-name", "message-policy", "--disable", "http", "fetch-event", "--out"]).arg(out);
    let missing = format!("npm install --prefix {}", folder.display());
    run(command, "componentize-js", &missing)
}

/// Makes a component of `policy.py`.
pub(super) fn python(folder: &Path, contract: &Path, out: &Path) -> Result<(), CliError> {
    let mut command = Command::new("componentize-py");
    command.arg("--wit-path").arg(contract).args(["--world", "message-policy", "componentize", "policy"]);
    command.arg("--python-path").arg(folder).arg("--output").arg(out);
    let missing = format!("pip install -r {}", folder.join("requirements.txt").display());
    run(command, "componentize-py", &missing)
}

fn run(mut command: Command, tool: &str, install: &str) -> Result<(), CliError> {
    // What the tool says is for the author only when it fails.
    let output = command.output().map_err(|error| {
        CliError::failed(format!("{tool} cannot be run; install it with `{install}`"), error)
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(CliError::plain(format!("{tool} made no policy:\n{}", String::from_utf8_lossy(&said).trim())))
}
