//! The `offhook` binary: every command, every service.

mod aftermath;
mod cache;
mod cli;
mod crm;
mod dead;
mod delivery;
mod dev;
mod doctor;
mod journey;
mod load;
mod orgs_file;
mod output;
mod place;
mod private;
mod ring;
mod rings;
mod services;
mod setup;
mod simulate;
mod status;

use std::process::ExitCode;

fn main() -> ExitCode {
    match runtime::parse::<cli::Cli>(std::env::args_os()) {
        Ok(cli) => cli.run(),
        Err(code) => code,
    }
}

/// A check that the derived commands are consistent, which clap else makes only when they are used.
#[test]
fn the_commands_are_well_formed() {
    use clap::{CommandFactory as _, Parser as _};
    cli::Cli::command().debug_assert();
    assert!(cli::Cli::try_parse_from(["offhook"]).is_err());
}
