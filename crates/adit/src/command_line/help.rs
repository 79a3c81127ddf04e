//! `help`: `adit help tunnel`, `adit tunnel help run`, and so on, are `adit tunnel run --help`.

use std::ffi::OsString;

use clap::Command;

use super::walk::{Word, walk};

/// The arguments, with `--help` behind the command that help is wanted of.
///
/// # Errors
/// The word that is no command.
pub(super) fn asked_for(root: &Command, arguments: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let words = walk(root, &arguments);
    let Some((place, Word::Other)) = words.last().copied() else {
        return Ok(arguments);
    };
    let is_help = |word: &OsString| word == "help" || word == "h";
    if !arguments.get(place).is_some_and(is_help) || !takes_commands(root, &words) {
        return Ok(arguments);
    }
    let mut wanted = arguments;
    wanted.remove(place);
    if let Some((place, Word::Other)) = walk(root, &wanted).last()
        && let Some(topic) = wanted.get(*place)
    {
        return Err(topic.to_string_lossy().into_owned());
    }
    wanted.push("--help".into());
    Ok(wanted)
}

/// Whether a command could stand behind those words. Elsewhere `help` may be a name.
fn takes_commands(root: &Command, words: &[(usize, Word<'_>)]) -> bool {
    let mut command = root;
    for (_, word) in words {
        let Word::Command(name) = word else { break };
        match command.find_subcommand(name) {
            Some(below) => command = below,
            None => return false,
        }
    }
    command.has_subcommands()
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn asked(line: &str) -> Result<String, String> {
        let run = Command::new("run").arg(Arg::new("tunnel"));
        let root = Command::new("adit").subcommand(Command::new("tunnel").subcommand(run));
        let words = line.split(' ').map(OsString::from).collect();
        let words = asked_for(&root, words)?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn help_may_stand_before_or_between_commands() {
        for (line, means) in [
            ("adit help", "adit --help"),
            ("adit h tunnel", "adit tunnel --help"),
            ("adit help tunnel run", "adit tunnel run --help"),
            ("adit tunnel help run", "adit tunnel run --help"),
            ("adit tunnel run help", "adit tunnel run help"),
            ("adit tunnel run x", "adit tunnel run x"),
        ] {
            assert_eq!(asked(line).as_deref(), Ok(means), "{line}");
        }
    }

    #[test]
    fn help_on_nothing_names_it() {
        assert_eq!(asked("adit help walk"), Err("walk".to_owned()));
        assert_eq!(asked("adit tunnel help walk"), Err("walk".to_owned()));
    }
}
