//! Flags of `tunnel` that stand in the configuration file: they count where neither the command line nor a variable says
//! otherwise.

use std::{any::TypeId, ffi::OsString, path::PathBuf, time::Duration};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::{
    config_file::{ConfigFile, FileFlag},
    options::go_duration,
};
use crate::failure::Failure;

/// Keys that only say something to a connector: to other commands they are about a file to write or a result to print.
const ONLY_TO_RUN: [&str; 3] = ["credentials-file", "cred-file", "output"];
/// Keys that would lead in a circle, or are none of a file's.
const NEVER: [&str; 2] = ["config", "help"];

/// The arguments with those flags of the file that they lack. Whatever is wrong with the arguments is told later, by who
/// reads them.
///
/// # Errors
/// If there is a file and it cannot be used.
pub(crate) fn with_flags_of_file(
    command: &mut Command,
    arguments: Vec<OsString>,
) -> Result<Vec<OsString>, Failure> {
    let Ok(matches) = command.try_get_matches_from_mut(&arguments) else {
        return Ok(arguments);
    };
    let at = arguments.iter().position(|word| word == "tunnel");
    let Some(((tunnel, known), at)) = matches
        .subcommand_matches("tunnel")
        .zip(command.find_subcommand("tunnel"))
        .zip(at)
    else {
        return Ok(arguments);
    };
    let named = tunnel.try_get_one::<PathBuf>("config").ok().flatten();
    let Some(path) = ConfigFile::path(named) else {
        return Ok(arguments);
    };
    let file = ConfigFile::read_at(path)?;
    merged(arguments, at, &Place { known, tunnel }, &file)
}

/// Where on the command line flags stand.
struct Place<'a> {
    known: &'a Command,
    tunnel: &'a ArgMatches,
}

impl Place<'_> {
    fn command(&self) -> Option<(&str, &ArgMatches)> {
        self.tunnel.subcommand()
    }

    fn runs(&self) -> bool {
        matches!(self.command(), None | Some(("run", _)))
    }

    /// A flag of `tunnel`, which any command may have, or one of `run`.
    fn find(&self, flag: &str) -> Option<(&Arg, Level)> {
        let tunnel = self.known.get_arguments().find(|arg| is_called(arg, flag));
        if let Some(arg) = tunnel {
            return Some((arg, Level::Tunnel));
        }
        let (name, _) = self.command()?;
        let run = self.known.find_subcommand(name).filter(|_| name == "run")?;
        let arg = run.get_arguments().find(|arg| is_called(arg, flag))?;
        Some((arg, Level::Run))
    }

    fn is_given(&self, id: &str) -> bool {
        is_given(self.tunnel, id) || self.command().is_some_and(|(_, matches)| is_given(matches, id))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Tunnel,
    Run,
}

fn merged(
    mut arguments: Vec<OsString>,
    at: usize,
    place: &Place<'_>,
    file: &ConfigFile,
) -> Result<Vec<OsString>, Failure> {
    let mut before = Vec::new();
    let mut behind = Vec::new();
    for flag in &file.flags {
        let name = flag.name.as_str();
        if NEVER.contains(&name) || (ONLY_TO_RUN.contains(&name) && !place.runs()) {
            continue;
        }
        let Some((arg, level)) = place.find(name) else {
            continue;
        };
        if place.is_given(arg.get_id().as_str()) {
            continue;
        }
        let words = match level {
            Level::Tunnel => &mut before,
            Level::Run => &mut behind,
        };
        for value in &flag.values {
            check(arg, flag, value).map_err(|problem| {
                Failure::because(format!("{}:{}: {problem}", file.path.display(), flag.line))
            })?;
            words.push(OsString::from(format!("--{name}={value}")));
        }
    }
    arguments.splice(at + 1..at + 1, before);
    arguments.extend(behind);
    if let (Some(("run", run)), Some(tunnel)) = (place.command(), &file.tunnel)
        && !is_given(run, "tunnel")
    {
        arguments.push(tunnel.into());
    }
    Ok(arguments)
}

fn is_called(arg: &Arg, flag: &str) -> bool {
    arg.get_long() == Some(flag) || arg.get_all_aliases().unwrap_or_default().contains(&flag)
}

/// Switches, numbers and times of a file are told with the line, not as if they had been flags.
fn check(arg: &Arg, flag: &FileFlag, value: &str) -> Result<(), String> {
    let kind = arg.get_value_parser().type_id();
    let is = |types: &[TypeId]| types.iter().any(|one| kind == *one);
    let (good, wanted) = if is(&[TypeId::of::<bool>()]) {
        (matches!(value, "true" | "false"), "true or false")
    } else if is(&[TypeId::of::<i64>()]) {
        (value.parse::<i64>().is_ok(), "a whole number")
    } else if is(&[TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()]) {
        (value.parse::<u64>().is_ok(), "a whole number")
    } else if is(&[TypeId::of::<Duration>()]) {
        (go_duration(value).is_ok(), "a time such as 30s")
    } else {
        (true, "")
    };
    if good {
        Ok(())
    } else {
        Err(format!("`{}` is to be {wanted}, and is {value:?}", flag.name))
    }
}

/// By the command line or a variable.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    let known = matches.try_contains_id(id).is_ok();
    let source = known.then(|| matches.value_source(id)).flatten();
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}
