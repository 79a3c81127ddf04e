//! How a command line that cannot be understood is answered, and with which exit code.
//!
//! Called as `adit`: what is wrong to stderr, and 2. Called as `cloudflared`: its streams and exit codes, which scripts and
//! service managers know. It ends with 0 after a flag that it does not know, having printed its help to stdout; with 255 or
//! 1 if words are missing or too many; with 3 if help on nothing is wanted.

use std::{any::TypeId, ffi::OsString, process::ExitCode, time::Duration};

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::walk::path;
use crate::{output, personality::Personality};

/// Says that there is no help on a topic.
pub(super) fn no_topic(topic: &str, personality: Personality) -> ExitCode {
    output::note(&format!("No help topic for '{topic}'"));
    match personality {
        Personality::Adit => ExitCode::from(2),
        Personality::Cloudflared => ExitCode::from(3),
    }
}

/// Prints what the parser has to say.
pub(super) fn tell(
    error: &clap::Error,
    command: Command,
    arguments: &[OsString],
    personality: Personality,
) -> ExitCode {
    let answer = match personality {
        Personality::Adit => Answer::of_ours(error),
        Personality::Cloudflared => Answer::of_the_stock_client(error, &command, arguments),
    };
    let told = match answer.form {
        Form::Parser => {
            // A reader that went away is no failure, even of a help text.
            let _ = error.print();
            Ok(())
        }
        Form::Help => output::result(&help(command, arguments)),
        Form::HelpAndWhy => {
            let why = first_line(error);
            output::result(&format!("Incorrect Usage: {why}\n\n{}", help(command, arguments)))
        }
    };
    match told {
        Ok(()) => ExitCode::from(answer.code),
        Err(failure) => failure.exit_code(personality),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As the parser puts it.
    Parser,
    /// The command's help, to stdout.
    Help,
    /// What is wrong, and the command's help, to stdout.
    HelpAndWhy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    form: Form,
    code: u8,
}

impl Answer {
    fn of_ours(error: &clap::Error) -> Self {
        let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        Self {
            form: Form::Parser,
            code: if asked { 0 } else { 2 },
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser may come to know more")]
    fn of_the_stock_client(error: &clap::Error, command: &Command, arguments: &[OsString]) -> Self {
        let (form, code) = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => (Form::Parser, 0),
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                (Form::Help, 0)
            }
            ErrorKind::InvalidSubcommand => (Form::Parser, 3),
            ErrorKind::MissingRequiredArgument if lacks_a_flag(error) => (Form::HelpAndWhy, 0),
            ErrorKind::MissingRequiredArgument | ErrorKind::TooManyValues => {
                (Form::Parser, words_code(command, arguments))
            }
            ErrorKind::UnknownArgument if !about_a_flag(error) => {
                (Form::Parser, words_code(command, arguments))
            }
            ErrorKind::UnknownArgument
            | ErrorKind::NoEquals
            | ErrorKind::WrongNumberOfValues
            | ErrorKind::TooFewValues => (Form::HelpAndWhy, 0),
            // A flag without its value.
            ErrorKind::InvalidValue if value(error, ContextKind::InvalidValue).is_none_or(str::is_empty) => {
                (Form::HelpAndWhy, 0)
            }
            ErrorKind::ValueValidation if is_read_by_the_stock_parser(error, command, arguments) => {
                (Form::HelpAndWhy, 0)
            }
            _ => (Form::Parser, 1),
        };
        Self { form, code }
    }
}

/// Words that are missing or too many: some commands end as after wrong usage, some as after any failure.
fn words_code(command: &Command, arguments: &[OsString]) -> u8 {
    match path(command, arguments).as_slice() {
        ["tunnel", "route", "ip", ..] | ["tunnel", "vnet" | "ingress", ..] => 1,
        _ => 255,
    }
}

fn value(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    if let ContextValue::String(text) = error.get(kind)? {
        Some(text)
    } else {
        None
    }
}

fn lacks_a_flag(error: &clap::Error) -> bool {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(args)) => args.iter().any(|arg| arg.starts_with('-')),
        _ => false,
    }
}

fn about_a_flag(error: &clap::Error) -> bool {
    value(error, ContextKind::InvalidArg).is_some_and(|arg| arg.starts_with('-'))
}

/// The stock client's parser itself reads switches, numbers and times; words are looked at later.
fn is_read_by_the_stock_parser(error: &clap::Error, command: &Command, arguments: &[OsString]) -> bool {
    let Some(flag) = value(error, ContextKind::InvalidArg) else {
        return false;
    };
    let name = flag.split([' ', '=', '[']).next().unwrap_or_default();
    let Some(name) = name.strip_prefix("--") else {
        return false;
    };
    let mut commands = vec![command];
    for word in path(command, arguments) {
        commands.extend(commands.last().and_then(|last| last.find_subcommand(word)));
    }
    let arg = commands
        .iter()
        .flat_map(|command| command.get_arguments())
        .find(|arg| arg.get_long() == Some(name));
    let Some(arg) = arg else {
        return false;
    };
    let kind = arg.get_value_parser().type_id();
    let read = [
        TypeId::of::<bool>(),
        TypeId::of::<i64>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<u32>(),
        TypeId::of::<Duration>(),
    ];
    read.iter().any(|read| kind == *read)
}

fn help(mut command: Command, arguments: &[OsString]) -> String {
    let path: Vec<String> = path(&command, arguments).into_iter().map(str::to_owned).collect();
    let mut at = &mut command;
    for word in &path {
        // Found before; a command that is not found has no help of its own.
        let Some(below) = at.find_subcommand_mut(word) else {
            return String::new();
        };
        at = below;
    }
    at.render_help().to_string()
}

/// The parser's sentence, without the word before it.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
