//! The command line: arguments in, exit status out. What people read is printed here and nowhere
//! else; what machines read goes to the log, on standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the one door of output")]

mod audit;
mod backup;
mod check;
mod doctor;
mod home;
mod import;
mod init;
mod key;
mod locale;
mod log;
mod message;
mod migrate;
mod otp;
mod person;
mod pipe;
mod plugin;
mod progress;
mod recover;
mod rotate;
mod serve;
mod shell;

use clap::{Parser, Subcommand};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// A self-hosted SMS host for clinics.
#[derive(Parser)]
#[command(name = "tidings", version, about, long_about = None, after_help = "Without a command: `tidings serve --sandbox`.
Example: tidings init clinic && tidings serve --sandbox --home clinic")]
struct Arguments {
    /// The folder with tidings.toml, plugins/, templates/ and locales/.
    #[arg(long, global = true, env = "TIDINGS_HOME", default_value = ".")]
    home: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the host.
    #[command(after_help = "Example: tidings serve --home /var/lib/tidings")]
    Serve(serve::Serve),
    /// Look over configuration, templates, locales and policies, and say what is wrong.
    #[command(after_help = "Example: tidings check --home clinic")]
    Check,
    /// Try everything that a host needs in order to work; each line says what is wrong and what to do.
    #[command(after_help = "Example: tidings doctor --json")]
    Doctor(doctor::Doctor),
    /// Make a home: plugins, templates, locales and a commented tidings.toml.
    #[command(after_help = "Examples:
  tidings init clinic
  tidings init --systemd /var/lib/tidings > /etc/systemd/system/tidings.service")]
    Init(init::Init),
    /// Bring the database up to date.
    #[command(after_help = "Example: tidings migrate")]
    Migrate,
    /// Print completions for a shell.
    #[command(after_help = "Example: tidings completions bash > /etc/bash_completion.d/tidings")]
    Completions(shell::Completions),
    /// Print the manual page, or write one for each command.
    #[command(after_help = "Example: tidings man --out /usr/local/share/man/man1")]
    Man(shell::Man),
    /// Take in the texts of a file.
    Import(import::Import),
    /// API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// The languages of texts.
    #[command(subcommand)]
    Locale(locale::Locale),
    /// Messages: the story of one, and its release.
    #[command(subcommand)]
    Message(message::Message),
    /// One-time codes: what was refused, and why.
    #[command(subcommand)]
    Otp(otp::Otp),
    /// Policies.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// A consistent copy of the SQLite database, beside a running host.
    #[command(after_help = "Example: tidings backup /backups/tidings-$(date +%F).db")]
    Backup(backup::Backup),
    /// Look up at Twilio what was sent since a backup that was put back.
    Recover(recover::Recover),
    /// Who did what, and whether the record is whole.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Erase a person: their key goes, what is queued ends, counts stay. Prints the certificate.
    #[command(after_help = "Example: tidings erase --recipient ana")]
    Erase(person::Person),
    /// Print all that is known of a person, as JSON.
    #[command(after_help = "Example: tidings export --recipient ana > ana.json")]
    Export(person::Person),
    /// What the host starts to have a policy compiled: reads it from standard input.
    #[command(name = crate::policy::CHILD, hide = true)]
    CompilePolicy {
        /// Bytes of memory it may use.
        memory: u64,
        /// Seconds of processor time it may use.
        seconds: u64,
    },
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// What the home holds cannot be used as it is: exit status 2.
    #[error("{0}")]
    Home(#[from] home::HomeError),
    /// It was tried and failed: exit status 1.
    #[error("{what}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl CliError {
    fn failed(what: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Failed { what: what.into(), source: Some(Box::new(source)) }
    }

    fn plain(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), source: None }
    }
}

/// Reads the arguments and does what they say. 0: done, 1: it failed, 2: wrong arguments, or a home
/// that cannot be used.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    // Before anything else that costs memory, or holds a secret.
    if let Some(Command::CompilePolicy { memory, seconds }) = arguments.command {
        return crate::policy::compile_as_child(memory, seconds);
    }
    pipe::end_quietly();
    let environment = crate::config::environment();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(arguments, &environment)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            match error {
                CliError::Home(_) => ExitCode::from(2),
                CliError::Failed { .. } => ExitCode::FAILURE,
            }
        }
    }
}

async fn dispatch(arguments: Arguments, environment: &BTreeMap<String, String>) -> Result<(), CliError> {
    let home = arguments.home;
    match arguments.command.unwrap_or(Command::Serve(serve::Serve::SANDBOX)) {
        Command::Serve(serve) => serve.run(&home, environment).await,
        Command::Doctor(doctor) => doctor.run(&home, environment).await,
        Command::Init(init) => init.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
        Command::Check => check::run(&home, environment).await,
        Command::Migrate => migrate::run(&home, environment).await,
        Command::Import(import) => import.run(&home, environment).await,
        Command::Key(key) => key.run(&home, environment).await,
        Command::Locale(locale) => locale.run(&home, environment).await,
        Command::Message(message) => message.run(&home, environment).await,
        Command::Otp(otp) => otp.run(&home, environment).await,
        Command::CompilePolicy { .. } => Ok(()),
        Command::Plugin(plugin) => plugin.run(&home, environment).await,
        Command::Backup(backup) => backup.run(&home, environment).await,
        Command::Recover(recover) => recover.run(&home, environment).await,
        Command::Audit(audit) => audit.run(&home, environment).await,
        Command::Erase(person) => person.erase(&home, environment).await,
        Command::Export(person) => person.export(&home, environment).await,
    }
}

/// An error with all that led to it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
