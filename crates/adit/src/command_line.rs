//! From words to a command: forms that the stock client's parser takes are brought into those of ours, flags of the
//! configuration file are added, and what cannot be understood is told in the way of whoever was called.

mod help;
mod outline;
mod refusal;
mod switches;
mod variables;
mod walk;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use crate::{
    output,
    personality::{Personality, is_stock_command},
    tunnel::config_flags::with_flags_of_file,
};

/// The stock client without a command serves the forwarders of a configuration file.
const NO_COMMAND: &str = "\
error: cloudflared without a command is not in this version (it would serve the forwarders of a configuration file)
  try: `tunnel run` for a connector, `access tcp` for a forwarder, `help` for all commands";

/// The commands whose switches are the stock client's.
fn has_stock_switches(command: &str) -> bool {
    is_stock_command(command) || ["service", "update", "version"].contains(&command)
}

/// Reads the command line.
///
/// # Errors
/// The exit code, after a help text was printed or what is wrong was told.
pub(crate) fn parse<T: Parser>(arguments: Vec<OsString>, personality: Personality) -> Result<T, ExitCode> {
    if personality == Personality::Cloudflared && arguments.len() < 2 {
        output::note(NO_COMMAND);
        return Err(ExitCode::FAILURE);
    }
    let arguments = personality.habits(arguments);
    let whole = T::command();
    let arguments =
        help::asked_for(&whole, arguments).map_err(|topic| refusal::no_topic(&topic, personality))?;
    let named: Vec<String> = walk::path(&whole, &arguments)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let command = variables::settled(outline::only(whole, &named));
    let mut command = switches::settled(command, has_stock_switches);
    command.build();
    let arguments = with_flags_of_file(&mut command, arguments).map_err(|failure| {
        output::note(&failure.to_string());
        failure.exit_code(personality)
    })?;
    let parsed = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|mut matches| T::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| refusal::tell(&error, command, &arguments, personality))
}
