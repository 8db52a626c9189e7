//! `tidings completions` and `tidings man`: from the same definitions as the commands themselves.

use super::{Arguments, CliError};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;

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

#[derive(Args)]
pub(super) struct Man {
    /// Write a page for each command into this folder: tidings.1, tidings-key.1, tidings-key-create.1 ...
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Man {
    /// Prints one page with all commands one after the other, or writes a page for each.
    pub(super) fn run(&self) -> Result<(), CliError> {
        let failed = |error| CliError::failed("the manual pages could not be made", error);
        let pages = pages().map_err(failed)?;
        let Some(folder) = &self.out else {
            return print_all(&pages.into_iter().flat_map(|(_, page)| page).collect::<Vec<u8>>());
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        for (name, page) in &pages {
            std::fs::write(folder.join(name), page).map_err(failed)?;
        }
        println!("{} pages in {}", pages.len(), folder.display());
        Ok(())
    }
}

/// Every command that people call: the name of its page and the page, from the outside in.
fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    write_pages(&command, &mut pages)?;
    Ok(pages)
}

fn write_pages(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let mut page = Vec::new();
    // Built, a command knows the whole of its name: `tidings-key-create`.
    let man = clap_mangen::Man::new(command.clone());
    man.render(&mut page)?;
    pages.push((man.get_filename(), page));
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_pages(inner, pages)?;
    }
    Ok(())
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
    fn every_command_at_every_depth_has_a_page_but_the_hidden_ones() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.trim_end_matches(".1")).collect();
        for name in [
            "tidings",
            "tidings-key",
            "tidings-key-create",
            "tidings-plugin-backtest",
            "tidings-locale-check",
        ] {
            assert!(names.contains(&name), "{name} has no page: {names:?}");
        }
        assert!(
            !names.iter().any(|name| name.contains("help") || name.contains(crate::policy::CHILD)),
            "{names:?}"
        );
        for (name, page) in &pages {
            let page = String::from_utf8(page.clone()).unwrap();
            assert!(page.contains(&format!(".TH {} 1", name.trim_end_matches(".1"))), "{page:.200}");
            assert!(!page.contains(crate::policy::CHILD), "{name} names a hidden command");
        }
    }

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }
}
