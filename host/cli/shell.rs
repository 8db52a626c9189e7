//! `tidings completions` and `tidings man`: from the same definitions as the commands themselves.

use super::{Arguments, CliError};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::io::Write as _;

#[derive(Args)]
pub(super) struct Completions {
    /// bash, zsh, fish, elvish or powershell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "tidings", &mut script);
        print_all(&script)
    }
}

/// Prints the manual page: the command itself, then each of its commands.
pub(super) fn man() -> Result<(), CliError> {
    let failed = |error| CliError::failed("the manual page could not be made", error);
    let mut page = Vec::new();
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for inner in command.get_subcommands() {
        clap_mangen::Man::new(inner.clone()).render(&mut page).map_err(failed)?;
    }
    print_all(&page)
}

/// A reader who has seen enough is no failure.
fn print_all(bytes: &[u8]) -> Result<(), CliError> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::failed("it could not be printed", error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &clap::Command, path: &str, lacking: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_long_help().or(command.get_after_help());
        let has_example = help.is_some_and(|help| help.to_string().contains("xample"));
        if !command.has_subcommands() && !has_example {
            lacking.push(path.clone());
        }
        for inner in
            command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
        {
            walk(inner, &path, lacking);
        }
    }

    #[test]
    fn every_command_helps_with_an_example() {
        let mut lacking = Vec::new();
        walk(&Arguments::command(), "", &mut lacking);
        assert!(lacking.is_empty(), "no example: {lacking:?}");
    }

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }
}
