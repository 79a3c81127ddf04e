//! Which files of a folder are a certificate and its key.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Folders below the operator's that are looked into: `certbot` has one for each certificate, Caddy two.
const DEPTH: usize = 3;
/// The most files that are looked at.
const MOST_FILES: usize = 10_000;

/// A certificate's chain and its key, which may be one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

/// When a pair's files were written, and how long they are: other values mean other files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp([(Option<SystemTime>, u64); 2]);

impl Pair {
    /// The state of its files; what cannot be looked at is as if it were empty.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp(
            [&self.chain, &self.key].map(|path| {
                fs::metadata(path).map_or((None, 0), |about| (about.modified().ok(), about.len()))
            }),
        )
    }
}

/// The pairs in a folder and those below it.
///
/// # Errors
/// If the folder, or one below it, cannot be read.
pub(super) fn in_folder(folder: &Path) -> Result<Vec<Pair>, (PathBuf, io::Error)> {
    let mut files = BTreeSet::new();
    gather(folder, DEPTH, &mut files)?;
    Ok(pair_up(&files))
}

fn gather(folder: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // Follows links: `certbot` keeps the files elsewhere.
        match fs::metadata(&path) {
            Ok(about) if about.is_dir() && !hidden && depth > 1 => gather(&path, depth - 1, files)?,
            Ok(about) if about.is_file() && !hidden && files.len() < MOST_FILES => {
                files.insert(path);
            }
            // A link that leads nowhere, or what is neither.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Finds `fullchain.pem` with `privkey.pem`, `NAME.crt` and `NAME.pem` with `NAME.key`, and a `NAME.pem` alone, which
/// may hold both. What has no other half is none of them: an issuer's certificate, say.
fn pair_up(files: &BTreeSet<PathBuf>) -> Vec<Pair> {
    let pair = |chain: &PathBuf| {
        let name = chain.file_name()?.to_str()?;
        let beside = |other: &str| Some(chain.with_file_name(other)).filter(|path| files.contains(path));
        let key = match name.rsplit_once('.')? {
            ("fullchain", "pem") => beside("privkey.pem")?,
            ("privkey" | "chain", "pem") => return None,
            (stem, "crt") => beside(&format!("{stem}.key"))?,
            // Of `certbot`, which has the same in its full chain.
            ("cert", "pem") if beside("fullchain.pem").is_some() => return None,
            (stem, "pem") => beside(&format!("{stem}.key")).unwrap_or_else(|| chain.clone()),
            (_, _) => return None,
        };
        Some(Pair {
            chain: chain.clone(),
            key,
        })
    };
    files.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paired(files: &[&str]) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let files = files.iter().map(PathBuf::from).collect();
        pair_up(&files)
            .into_iter()
            .map(|pair| (text(pair.chain), text(pair.key)))
            .collect()
    }

    fn one(chain: &str, key: &str) -> Vec<(String, String)> {
        vec![(chain.to_owned(), key.to_owned())]
    }

    #[test]
    fn the_files_of_certbot_lego_caddy_and_haproxy_are_found() {
        let certbot = ["a/cert.pem", "a/chain.pem", "a/fullchain.pem", "a/privkey.pem"];
        assert_eq!(paired(&certbot), one("a/fullchain.pem", "a/privkey.pem"));
        let lego = ["a.b.crt", "a.b.issuer.crt", "a.b.json", "a.b.key"];
        assert_eq!(paired(&lego), one("a.b.crt", "a.b.key"));
        let caddy = ["acme/a.b/a.b.crt", "acme/a.b/a.b.json", "acme/a.b/a.b.key"];
        assert_eq!(paired(&caddy), one("acme/a.b/a.b.crt", "acme/a.b/a.b.key"));
        assert_eq!(paired(&["a.pem"]), one("a.pem", "a.pem"));
        assert_eq!(paired(&["a.key", "a.pem"]), one("a.pem", "a.key"));
    }

    #[test]
    fn what_has_no_other_half_is_left_alone() {
        assert_eq!(
            paired(&[
                "a.key",
                "b.crt",
                "c/fullchain.pem",
                "privkey.pem",
                "README",
                "d.csr"
            ]),
            []
        );
    }

    proptest! {
        #[test]
        fn no_names_panic_and_every_half_is_there(names in prop::collection::btree_set("[a-c./é]{0,6}(\\.pem|\\.key|\\.crt)?", 0..8)) {
            let files: BTreeSet<PathBuf> = names.iter().map(PathBuf::from).collect();
            for pair in pair_up(&files) {
                prop_assert!(files.contains(&pair.chain) && files.contains(&pair.key));
            }
        }
    }
}
