//! The name under which the binary was called; under each it keeps that name's habits.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

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
pub(crate) fn is_stock_command(word: impl AsRef<OsStr>) -> bool {
    ["tunnel", "access", "forward", "login", "tail", "management"]
        .iter()
        .any(|name| word.as_ref() == *name)
}

/// Flags of a command may stand before it (`cloudflared --no-autoupdate tunnel run`): service files have it so. Flags
/// without a command are those of `tunnel`.
fn command_first(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| is_stock_command(word) || is_other_command(word);
    let place = arguments
        .iter()
        .skip(1)
        .position(is_command)
        .map(|place| place + 1);
    let may_move = |word: &OsString| is_stock_command(word) || word == "service";
    if let Some(place) = place.filter(|place| *place > 1)
        && arguments
            .get(place)
            .is_some_and(|word| word == "tail" || word == "management")
    {
        return shared_flags_behind(arguments, place);
    }
    let word = match place {
        Some(place) if place > 1 && arguments.get(place).is_some_and(may_move) => arguments.remove(place),
        None if arguments.len() > 1 => "tunnel".into(),
        Some(_) | None => return arguments,
    };
    arguments.insert(1, word);
    arguments
}

/// The flags before `tail` and `management` are those of `tunnel`: of these, the two commands share those that say which
/// API to ask and as whom. A word behind a flag is its value.
fn shared_flags_behind(mut arguments: Vec<OsString>, place: usize) -> Vec<OsString> {
    let mut before = arguments
        .drain(1..place)
        .collect::<Vec<_>>()
        .into_iter()
        .peekable();
    let mut shared = Vec::new();
    while let Some(flag) = before.next() {
        let value = before.next_if(|word| !word.as_encoded_bytes().starts_with(b"-"));
        let name = flag.to_str().unwrap_or_default().trim_start_matches('-');
        let name = name.split('=').next().unwrap_or_default();
        let again = format!("--{name}");
        let is_shared = ["api-url", "cacert", "origincert"].contains(&name);
        if is_shared && !arguments.iter().any(|word| *word == *again) {
            shared.push(flag);
            shared.extend(value);
        }
    }
    // The command `management` itself has no flags; `token` below it has.
    let behind = match arguments.get(1).is_some_and(|word| word == "tail") {
        true => 2,
        false => arguments.len(),
    };
    arguments.splice(behind..behind, shared);
    arguments
}

/// What stands alone: commands beside those above, and flags of the program itself.
fn is_other_command(word: &OsString) -> bool {
    [
        "access",
        "forward",
        "db-connect",
        "h",
        "help",
        "login",
        "proxy-dns",
        "service",
        "update",
        "version",
        "-h",
        "-help",
        "--help",
        "-v",
        "-V",
        "-version",
        "--version",
    ]
    .iter()
    .any(|name| word == name)
}

/// One dash may stand before a long flag, too: `-token`.
fn with_two_dashes(arguments: Vec<OsString>) -> Vec<OsString> {
    let forwards = arguments
        .get(1)
        .is_some_and(|word| word == "access" || word == "forward");
    let mut literal = false;
    let lengthen = |word: OsString| {
        // What follows is another program's.
        literal |= word == "--" || (forwards && word == "curl");
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

    #[test]
    fn of_the_flags_before_tail_and_management_those_of_the_api_count() {
        let stock = |line| habits(Personality::Cloudflared, line);
        assert_eq!(
            stock(
                "cloudflared --config c.yml --origincert cert.pem --no-autoupdate management token --resource logs id"
            ),
            "cloudflared management token --resource logs id --origincert cert.pem"
        );
        assert_eq!(
            stock("cloudflared --api-url=http://a --origincert x tail --origincert y token id"),
            "cloudflared tail --api-url=http://a --origincert y token id"
        );
        assert_eq!(stock("cloudflared tail id"), "cloudflared tail id");
    }

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
            (Cloudflared, "c --url u", "c tunnel --url u"),
            (Cloudflared, "c version --short", "c version --short"),
            (
                Cloudflared,
                "c service install tunnel",
                "c service install tunnel",
            ),
            (
                Cloudflared,
                "c --config f service install",
                "c service --config f install",
            ),
            (Cloudflared, "c nosuch", "c tunnel nosuch"),
            (Cloudflared, "c -version", "c -version"),
            (Cloudflared, "c", "c"),
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
            (Cloudflared, "c forward -id x ssh", "c forward --id x ssh"),
            (Adit, "adit access curl -ar u -sS", "adit access curl -ar u -sS"),
            (Adit, "adit tunnel -1 - -p=quic", "adit tunnel -1 - -p=quic"),
        ] {
            assert_eq!(habits(personality, line), same);
        }
    }
}
