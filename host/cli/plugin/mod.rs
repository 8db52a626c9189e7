//! `tidings plugin`: policies are made, built, looked at and tried.

mod backtest;
mod build;
mod cases;
mod compare;
mod cost;
mod inspect;
mod new;
mod replay;
mod report;
mod sample;
mod situation;
mod starter;
mod sweep;
mod toolchain;
mod words;
mod workbench;

use super::CliError;
use super::home::Home;
use crate::domain::id::DecisionId;
use clap::Subcommand;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use workbench::Workbench;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Make a policy that builds and whose cases pass.
    #[command(after_help = "Examples: tidings plugin new our-reminder --from appointment-reminder\n\
        \x20         tidings plugin new my-rule --type follow-up --language javascript")]
    New(new::New),
    /// Compile policies and write `plugins/<name>.wasm`.
    #[command(after_help = "Needs once, for Rust: rustup target add wasm32-unknown-unknown\n\
        A policy in Rust has a stack of 24 KiB: large tables belong on the heap.\n\
        For JavaScript: npm install --prefix plugins/<name>\n\
        For Python: pip install -r plugins/<name>/requirements.txt\n\
        Example: tidings plugin build appointment-reminder")]
    Build {
        /// Folders below plugins/; all of them when left out.
        names: Vec<String>,
        /// Write the policies into this folder instead of plugins/.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Show what a policy is: contract, imports, message types, settings, size.
    #[command(
        after_help = "Exit status: 0 the host would take it unless another decides for its types, 1 it is refused.\n\
        Example: tidings plugin inspect plugins/otp.wasm"
    )]
    Inspect {
        /// A name below plugins/, or the path of a .wasm.
        policy: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the real policy, in the real host, the cases of its cases.toml.
    #[command(
        after_help = "Exit status: 0 all passed, 1 a case failed or cannot be asked, or there is none.\n\
        Example: tidings plugin test appointment-reminder"
    )]
    Test {
        /// Names below plugins/, or paths of .wasm files; all that have cases when left out.
        policies: Vec<String>,
        /// The cases, instead of `plugins/<name>/cases.toml`.
        #[arg(long)]
        cases: Option<PathBuf>,
    },
    /// Show what a policy answers through whole weeks, clock changes included.
    #[command(after_help = "Exit status: 0 well, 1 it sends at night or gives no answer.\n\
        Example: tidings plugin sweep appointment-reminder --zone Europe/Madrid")]
    Sweep(sweep::Sweep),
    /// Show what a policy uses, in fuel, memory and bytes, against its limits.
    #[command(after_help = "Exit status: 0 well, 1 it uses more than 80 % of a limit.\n\
        Example: tidings plugin cost appointment-reminder")]
    Cost {
        /// A name below plugins/, or the path of a .wasm.
        policy: String,
    },
    /// Make a recorded decision again.
    #[command(after_help = "Exit status: 0 it is the same to the byte, 1 it differs or was erased.\n\
        The ids stand in GET /api/v1/messages/{id}.\n\
        Example: tidings plugin replay 019ab000-0000-7000-8000-000000000000")]
    Replay {
        /// The decision's id.
        decision: DecisionId,
    },
    /// Try a candidate on what was asked before, and show what would change.
    #[command(
        after_help = "Exit status: 0 sound, 1 it gives no answer, sends at night, or to who said stop; or nothing was tried.\n\
        Example: tidings plugin backtest our-reminder --since 30d"
    )]
    Backtest(backtest::Backtest),
}

impl Plugin {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        match self {
            Self::New(new) => new.run(home),
            Self::Build { names, out } => build::run(home, &names, out, environment),
            Self::Inspect { policy, json } => {
                let bench = Workbench::open(home, environment)?;
                inspect::run(&bench, &bench.file(&policy), json).await
            }
            Self::Test { policies, cases } => {
                let bench = Workbench::open(home, environment)?;
                cases::run(&bench, &policies, cases.as_deref()).await
            }
            Self::Sweep(sweep) => sweep.run(&Workbench::open(home, environment)?).await,
            Self::Cost { policy } => {
                let bench = Workbench::open(home, environment)?;
                cost::run(&bench, &bench.file(&policy)).await
            }
            Self::Replay { decision } => {
                let opened = Home::open(home, environment)?;
                replay::run(&Workbench::open(home, environment)?, &opened, decision).await
            }
            Self::Backtest(backtest) => {
                let opened = Home::open(home, environment)?;
                backtest.run(&Workbench::open(home, environment)?, &opened).await
            }
        }
    }
}
