//! Which words of a command line name commands.

use std::ffi::OsString;

use clap::{Arg, Command};

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A command, by its name.
    Command(&'a str),
    /// The first word that is neither a command nor a flag nor a flag's value.
    Other,
}

/// The words that name commands, each with its place, and the first one behind them that could have.
pub(super) fn walk<'a>(root: &'a Command, arguments: &[OsString]) -> Vec<(usize, Word<'a>)> {
    let mut found = Vec::new();
    let mut commands = vec![root];
    let mut is_value = false;
    for (place, word) in arguments.iter().enumerate().skip(1) {
        if std::mem::take(&mut is_value) {
            continue;
        }
        let text = word.to_string_lossy();
        if text == "--" {
            break;
        }
        if text.len() > 1 && text.starts_with('-') {
            is_value = takes_the_next_word(&commands, &text);
            continue;
        }
        let below = commands
            .last()
            .and_then(|command| command.find_subcommand(&*text));
        match below {
            Some(below) => {
                found.push((place, Word::Command(below.get_name())));
                commands.push(below);
            }
            None => {
                found.push((place, Word::Other));
                break;
            }
        }
    }
    found
}

/// The commands that the words name, one below the other.
pub(super) fn path<'a>(root: &'a Command, arguments: &[OsString]) -> Vec<&'a str> {
    walk(root, arguments)
        .into_iter()
        .filter_map(|(_, word)| match word {
            Word::Command(name) => Some(name),
            Word::Other => None,
        })
        .collect()
}

fn takes_the_next_word(commands: &[&Command], flag: &str) -> bool {
    if flag.contains('=') {
        return false;
    }
    let arg = commands
        .iter()
        .rev()
        .flat_map(|command| command.get_arguments())
        .find(|arg| is_called(arg, flag));
    arg.is_some_and(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set())
}

fn is_called(arg: &Arg, flag: &str) -> bool {
    match flag.strip_prefix("--") {
        Some(long) => {
            arg.get_long() == Some(long) || arg.get_all_aliases().unwrap_or_default().contains(&long)
        }
        None => {
            let mut letters = flag.chars().skip(1);
            match (letters.next(), letters.next()) {
                (Some(letter), None) => arg.get_short() == Some(letter),
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    fn root() -> Command {
        let run = Command::new("run").arg(Arg::new("word"));
        let switch = Arg::new("quiet")
            .long("quiet")
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true);
        let tunnel = Command::new("tunnel")
            .arg(Arg::new("protocol").long("protocol").alias("proto").short('p'))
            .arg(switch)
            .subcommand(run);
        Command::new("adit").subcommand(tunnel)
    }

    fn found(line: &str) -> Vec<(usize, String)> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let name = |word| match word {
            Word::Command(name) => name,
            Word::Other => "?",
        };
        walk(&root(), &words)
            .into_iter()
            .map(|(place, word)| (place, name(word).to_owned()))
            .collect()
    }

    #[test]
    fn values_of_flags_are_no_commands() {
        for (line, places) in [
            ("adit tunnel run", vec![(1, "tunnel"), (2, "run")]),
            ("adit tunnel --protocol run run", vec![(1, "tunnel"), (4, "run")]),
            (
                "adit tunnel --proto run -p run run x y",
                vec![(1, "tunnel"), (6, "run"), (7, "?")],
            ),
            (
                "adit tunnel --protocol=run --quiet run",
                vec![(1, "tunnel"), (4, "run")],
            ),
            ("adit tunnel walk run", vec![(1, "tunnel"), (2, "?")]),
            ("adit tunnel -- run", vec![(1, "tunnel")]),
        ] {
            let places: Vec<_> = places
                .into_iter()
                .map(|(place, name)| (place, name.to_owned()))
                .collect();
            assert_eq!(found(line), places, "{line}");
        }
    }
}
