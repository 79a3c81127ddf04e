//! The catalogue as a document.

use std::fmt::Write;

use super::{FAMILIES, Misbehaviour, Peer};

/// The catalogue as Markdown: a table for each family.
#[must_use]
pub fn table() -> String {
    let mut text = String::new();
    for (family, members) in FAMILIES {
        let _ = write!(
            text,
            "\n## {family}\n\n| Name | Who | Does | Sees | Bounded by |\n|---|---|---|---|---|\n"
        );
        members.iter().for_each(|member| row(&mut text, member));
    }
    text
}

fn row(text: &mut String, member: &Misbehaviour) {
    let outcome: Vec<String> = member.outcome.iter().map(ToString::to_string).collect();
    let peer = match member.peer {
        Peer::Client => "client",
        Peer::Connector => "connector",
    };
    let _ = writeln!(
        text,
        "| `{}` | {peer} | {} | {} | {} |",
        member.name,
        member.does,
        outcome.join(", "),
        member.bound
    );
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, env, fs, path::Path};

    use super::*;
    use crate::misbehaviour::catalogue;

    #[test]
    fn every_misbehaviour_has_a_name_of_its_own() {
        let names: BTreeSet<_> = catalogue().map(|member| member.name).collect();
        assert_eq!(names.len(), catalogue().count());
        assert!(names.len() >= 40, "{} are too few", names.len());
    }

    /// `ADIT_GENERATE=1` writes the table anew.
    #[test]
    fn the_document_holds_the_catalogue() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bad-peers.md");
        let document = fs::read_to_string(&path).unwrap();
        let (introduction, tables) = document.split_once("\n## ").unwrap();
        if env::var_os("ADIT_GENERATE").is_some() {
            fs::write(&path, format!("{introduction}{}", table())).unwrap();
            return;
        }
        assert_eq!(
            format!("\n## {tables}"),
            table(),
            "ADIT_GENERATE=1 writes it anew"
        );
    }
}
