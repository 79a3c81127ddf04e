//! Switches as the stock client reads them: one may be given a value (`--force=false`, `-d=0`), in the words of its
//! language, and may be given twice.

use std::any::TypeId;

use clap::{
    Arg, ArgAction, Command,
    builder::{NonEmptyStringValueParser, TypedValueParser},
};

/// The command, with the switches of those below it that are the stock client's.
pub(super) fn settled(command: Command, is_stock: impl Fn(&str) -> bool) -> Command {
    command.mut_subcommands(|command| {
        if is_stock(command.get_name()) {
            settle(command)
        } else {
            command
        }
    })
}

fn settle(command: Command) -> Command {
    command.mut_args(settle_arg).mut_subcommands(settle)
}

fn settle_arg(arg: Arg) -> Arg {
    let is_off_at_first = matches!(arg.get_action(), ArgAction::SetTrue);
    let holds_one = matches!(arg.get_action(), ArgAction::Set)
        && arg.get_value_parser().type_id() == TypeId::of::<bool>();
    if !is_off_at_first && !holds_one {
        return arg;
    }
    let id = arg.get_id().clone();
    let arg = arg
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
        .hide_default_value(true)
        .overrides_with(id)
        .value_parser(switch());
    if is_off_at_first {
        arg.default_value("false")
    } else {
        arg
    }
}

/// Reads a switch's value.
fn switch() -> impl TypedValueParser<Value = bool> {
    NonEmptyStringValueParser::new().try_map(|text| match text.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("a switch is true or false"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Command {
        let force = Arg::new("force")
            .long("force")
            .short('f')
            .action(ArgAction::SetTrue);
        let kept = Arg::new("kept")
            .long("kept")
            .action(ArgAction::Set)
            .default_value("true")
            .value_parser(clap::value_parser!(bool));
        let maybe = Arg::new("maybe")
            .long("maybe")
            .action(ArgAction::Set)
            .value_parser(clap::value_parser!(bool));
        let word = Arg::new("word");
        let theirs = Command::new("theirs").args([force.clone(), kept, maybe, word]);
        let root = Command::new("adit")
            .subcommand(theirs)
            .subcommand(Command::new("ours").arg(force));
        settled(root, |name| name == "theirs")
    }

    fn read(line: &str) -> Result<[Option<bool>; 3], clap::Error> {
        let matches = root().try_get_matches_from(line.split(' '))?;
        let (_, matches) = matches.subcommand().unwrap();
        Ok(["force", "kept", "maybe"].map(|name| matches.get_one(name).copied()))
    }

    #[test]
    fn a_switch_may_have_a_value_and_the_last_one_counts() {
        for (line, values) in [
            ("adit theirs", [Some(false), Some(true), None]),
            ("adit theirs --force word", [Some(true), Some(true), None]),
            ("adit theirs -f=false", [Some(false), Some(true), None]),
            ("adit theirs -f --force=F", [Some(false), Some(true), None]),
            (
                "adit theirs --force=0 -f --kept=0 --maybe",
                [Some(true), Some(false), Some(true)],
            ),
            (
                "adit theirs --maybe=FALSE --kept",
                [Some(false), Some(true), Some(false)],
            ),
        ] {
            assert_eq!(read(line).unwrap(), values, "{line}");
        }
    }

    #[test]
    fn other_words_are_no_values_of_a_switch_and_our_own_switches_have_none() {
        for line in [
            "adit theirs --force=yes",
            "adit theirs --force=",
            "adit theirs -f=tRUE",
            "adit theirs --force false again",
            "adit ours --force=true",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
