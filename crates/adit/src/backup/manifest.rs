//! What a backup says of itself: its first entry, `manifest.json`.

use std::{collections::BTreeSet, fmt};

use adit_model::Timestamp;
use serde::{Deserialize, Serialize};

/// The layout of backups that this version writes and reads.
const FORMAT: u32 = 1;
/// The name of the manifest itself.
pub(super) const MANIFEST: &str = "manifest.json";
/// The database of SQLite.
pub(super) const DATABASE: &str = "adit.db";
/// The configuration file, whatever it was called.
pub(super) const CONFIG: &str = "config.toml";
/// Far above what any file but the database has; keeps a hostile backup from filling memory or disk.
pub(super) const MAX_SMALL_FILE: u64 = 1024 * 1024;
/// Far above the number of files that a data directory has.
const MAX_FILES: usize = 64;

/// What a backup holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The version that wrote it.
    pub(super) adit: String,
    /// When.
    pub(super) made_at: Timestamp,
    /// The database.
    pub(super) database: Kept,
    /// Every other entry, in the order of the archive.
    pub(super) files: Vec<Entry>,
}

/// What became of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kept {
    /// It is in the backup.
    Sqlite {
        /// Its schema.
        schema: i64,
    },
    /// It is not: PostgreSQL has it.
    Postgres,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub(super) sha256: String,
}

/// The name of a file in a backup: one of the few that a data directory has, so never a way out of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Name(String);

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let known = match text.split_once('/') {
            None => [DATABASE, CONFIG, "ca.pem", "cert.pem"].contains(&text),
            Some(("keys", key)) => {
                (1..=64).contains(&key.len())
                    && !key.starts_with('.')
                    && key
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            }
            Some(_) => false,
        };
        known.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The most bytes that a file of this name may have.
    pub(super) fn limit(&self) -> u64 {
        if self.0 == DATABASE {
            u64::MAX
        } else {
            MAX_SMALL_FILE
        }
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("a file has a name that no backup has")
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Manifest {
    pub(super) fn new(database: Kept, made_at: Timestamp, files: Vec<Entry>) -> Self {
        Self {
            format: FORMAT,
            adit: env!("CARGO_PKG_VERSION").to_owned(),
            made_at,
            database,
            files,
        }
    }

    /// Reads a manifest and refuses one that does not hold together.
    pub(super) fn parse(text: &[u8]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = "this is no backup of Adit: its manifest is unreadable";
        let Format { format } = serde_json::from_slice(text).map_err(|_| anyhow::anyhow!(damaged))?;
        if format != FORMAT {
            anyhow::bail!("the backup has format {format}, and this version of Adit reads format {FORMAT}");
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|_| anyhow::anyhow!(damaged))?;
        let names: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        if names.len() != manifest.files.len() || names.len() > MAX_FILES {
            anyhow::bail!("the backup names a file twice, or too many files");
        }
        let needed = ["keys/secrets.key", "keys/ca.key", "ca.pem"];
        let with_database = matches!(manifest.database, Kept::Sqlite { .. });
        if !needed.iter().all(|name| names.contains(name)) || names.contains(DATABASE) != with_database {
            anyhow::bail!("the backup lacks what a data directory needs");
        }
        match manifest.files.iter().find(|file| file.bytes > file.name.limit()) {
            Some(file) => anyhow::bail!("{} is larger in the backup than it can be", file.name),
            None => Ok(manifest),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_name_leads_out_of_the_data_directory() {
        for good in ["adit.db", "ca.pem", "cert.pem", "config.toml", "keys/secrets.key"] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "/etc/passwd",
            "../adit.db",
            "keys",
            "keys/",
            "keys/..",
            "keys/../x",
            "keys/a/b",
            "keys/.hidden",
            "KEYS/a",
            "adit.lock",
            "run.json",
            "keys/a\0",
            "adit.db/x",
        ] {
            assert!(Name::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_manifest_is_read_back_and_a_newer_one_is_refused_by_its_format() {
        let entry = |name: &str| Entry {
            name: Name::parse(name).unwrap(),
            bytes: 3,
            sha256: "00".to_owned(),
        };
        let files = ["ca.pem", "keys/ca.key", "keys/secrets.key"].map(entry).to_vec();
        let at = Timestamp::parse("2026-02-18T22:41:43Z").unwrap();
        let text = serde_json::to_string(&Manifest::new(Kept::Postgres, at, files.clone())).unwrap();
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap().files, files);

        let newer = text.replace("\"format\":1", "\"format\":2");
        let error = Manifest::parse(newer.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("format 2"), "{error}");
        for (whole, broken) in [
            ("keys/ca.key", "keys/secrets.key"),
            ("\"bytes\":3", "\"bytes\":9999999"),
        ] {
            assert!(
                Manifest::parse(text.replace(whole, broken).as_bytes()).is_err(),
                "{broken}"
            );
        }
        let lacking = text
            .replace("postgres", "sqlite")
            .replace("\"sqlite\"", "{\"sqlite\":{\"schema\":1}}");
        assert!(Manifest::parse(lacking.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Manifest::parse(&bytes);
        }
    }
}
