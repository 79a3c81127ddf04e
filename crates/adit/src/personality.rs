//! The name under which the binary was called; under each it keeps that name's habits.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use clap::error::ErrorKind;

/// Which program the caller believes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Personality {
    /// `adit`
    Adit,
    /// `cloudflared`: a link to or a copy of the binary.
    Cloudflared,
}

impl Personality {
    /// Judges by the first word of the command line.
    pub(crate) fn of(program: Option<&OsString>) -> Self {
        let name = program.and_then(|program| Path::new(program).file_stem());
        if name.is_some_and(|name| name == "cloudflared") {
            Self::Cloudflared
        } else {
            Self::Adit
        }
    }

    /// The program's name, to be used in hints.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Adit => "adit",
            Self::Cloudflared => "cloudflared",
        }
    }

    /// The exit code for a command line that cannot be parsed (0 for a help text).
    pub(crate) fn exit_code(self, error: &clap::Error) -> u8 {
        match (self, error.kind()) {
            (_, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => 0,
            (Self::Adit, _) => 2,
            (Self::Cloudflared, ErrorKind::MissingRequiredArgument | ErrorKind::TooManyValues) => 255,
            (Self::Cloudflared, _) => 1,
        }
    }

    /// The command line as clap wants it: what the stock client's parser takes in other forms is brought into ours.
    pub(crate) fn habits(self, arguments: Vec<OsString>) -> Vec<OsString> {
        let arguments = match self {
            Self::Adit => arguments,
            Self::Cloudflared => command_first(arguments),
        };
        let is_stock = arguments.get(1).is_some_and(is_stock_command);
        if is_stock {
            with_two_dashes(arguments)
        } else {
            arguments
        }
    }
}

/// The stock client's commands, which take its parser's forms.
fn is_stock_command(word: &OsString) -> bool {
    ["tunnel", "tail", "management"].iter().any(|name| word == name)
}

/// Flags of a command may stand before it (`cloudflared --no-autoupdate tunnel run`): service files have it so.
fn command_first(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if let Some(place) = arguments
        .iter()
        .position(is_stock_command)
        .filter(|place| *place > 1)
    {
        let word = arguments.remove(place);
        arguments.insert(1, word);
    }
    arguments
}

/// One dash may stand before a long flag, too: `-token`.
fn with_two_dashes(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut literal = false;
    let lengthen = |word: OsString| {
        literal |= word == "--";
        match word.to_str() {
            Some(text) if !literal && is_long_flag(text) => {
                let mut long = OsString::from("-");
                long.push(OsStr::new(text));
                long
            }
            _ => word,
        }
    };
    arguments.into_iter().map(lengthen).collect()
}

/// A single dash, a letter, and more before any `=`.
fn is_long_flag(word: &str) -> bool {
    let Some(name) = word.strip_prefix('-').and_then(|rest| rest.split('=').next()) else {
        return false;
    };
    name.len() > 1 && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habits(personality: Personality, line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let words: Vec<_> = personality
            .habits(words)
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        words.join(" ")
    }

    #[test]
    fn the_personality_follows_the_name() {
        for (name, personality) in [
            ("/usr/bin/cloudflared", Personality::Cloudflared),
            ("cloudflared", Personality::Cloudflared),
            ("./adit", Personality::Adit),
            ("adit-2", Personality::Adit),
        ] {
            assert_eq!(Personality::of(Some(&name.into())), personality);
        }
        assert_eq!(Personality::of(None), Personality::Adit);
    }

    #[test]
    fn forms_that_the_stock_parser_takes_become_ours() {
        use Personality::{Adit, Cloudflared};
        for (personality, line, same) in [
            (
                Cloudflared,
                "c --no-autoupdate tunnel run",
                "c tunnel --no-autoupdate run",
            ),
            (Cloudflared, "c --api-url u tail x", "c tail --api-url u x"),
            (
                Cloudflared,
                "c tunnel -loglevel=debug run",
                "c tunnel --loglevel=debug run",
            ),
            (
                Adit,
                "adit tunnel -token x -f -p quic",
                "adit tunnel --token x -f -p quic",
            ),
            (Adit, "adit tunnel run -- -token", "adit tunnel run -- -token"),
            (Adit, "adit up -token", "adit up -token"),
            (Adit, "adit tunnel -1 - -p=quic", "adit tunnel -1 - -p=quic"),
        ] {
            assert_eq!(habits(personality, line), same);
        }
    }
}
