use std::{fs, os::unix::fs::PermissionsExt};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const FILES: [&str; 4] = ["ca.pem", "keys/ca.key", "keys/secrets.key", "keys/quic.key"];

/// Files of these names, to be packed.
fn sources(dir: &Path, names: &[&str]) -> Vec<Source> {
    let source = |name: &&str| {
        let path = dir.join(name.replace('/', "-"));
        fs::write(&path, format!("content of {name}")).unwrap();
        Source {
            name: Name::parse(name).unwrap(),
            path,
        }
    };
    names.iter().map(source).collect()
}

fn write_to(dir: &Path, database: Kept, sources: &[Source]) -> Result<Vec<u8>, String> {
    let file = dir.join("backup");
    let at = Timestamp::parse("2026-02-18T22:41:43Z").unwrap();
    write(&file, database, at, sources).map_err(|error| format!("{error:#}"))?;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    Ok(fs::read(file).unwrap())
}

/// A backup without a database.
fn backup() -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    write_to(dir.path(), Kept::Postgres, &sources(dir.path(), &FILES)).unwrap()
}

fn unpacked(bytes: &[u8]) -> Result<TempDir, String> {
    let dir = TempDir::new().unwrap();
    match unpack(bytes, dir.path()) {
        Ok(_) => Ok(dir),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// The backup's entries with something done to them.
fn changed(change: impl Fn(&mut Vec<(Header, Vec<u8>)>)) -> Vec<u8> {
    let bytes = backup();
    let mut archive = Archive::new(bytes.as_slice());
    let mut entries: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.header().clone(), content)
        })
        .collect();
    change(&mut entries);
    let mut builder = Builder::new(Vec::new());
    for (mut header, content) in entries {
        header.set_cksum();
        builder.append(&header, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn what_was_packed_is_unpacked_for_its_owner_alone() {
    let dir = unpacked(&backup()).unwrap();
    for name in FILES {
        let path = dir.path().join(name);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("content of {name}"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_no_restore_would_take_is_not_packed() {
    let dir = TempDir::new().unwrap();
    let sources = sources(dir.path(), &FILES);
    fs::write(&sources[3].path, vec![0; 1024 * 1024 + 1]).unwrap();
    let error = write_to(dir.path(), Kept::Postgres, &sources).unwrap_err();
    assert!(
        error.contains("keys-quic.key") && error.contains("larger"),
        "{error}"
    );
}

#[test]
fn a_database_that_changes_while_it_is_packed_is_found_out() {
    let dir = TempDir::new().unwrap();
    let sources = sources(dir.path(), &[&FILES[..], &["adit.db"]].concat());
    let database = Kept::Sqlite { schema: 1 };
    let whole = write_to(dir.path(), database, &sources).unwrap();
    assert!(unpacked(&whole).is_ok());

    for changed in ["CONTENT of adit.db", "", "content of adit.db, and more"] {
        let read = sources.iter().map(|source| read(source).unwrap()).collect();
        fs::write(&sources.last().unwrap().path, changed).unwrap();
        let file = dir.path().join("changed");
        let at = Timestamp::parse("2026-02-18T22:41:43Z").unwrap();
        let packed = pack(&file, database, at, read);
        fs::remove_file(&file).unwrap();
        fs::write(&sources.last().unwrap().path, "content of adit.db").unwrap();
        // What is appended meanwhile is no part of the copy.
        assert_eq!(packed.is_ok(), changed.ends_with("more"), "{changed}");
    }
}

#[test]
fn what_lacks_a_needed_file_is_not_packed() {
    let dir = TempDir::new().unwrap();
    let error = write_to(dir.path(), Kept::Postgres, &sources(dir.path(), &FILES[..2])).unwrap_err();
    assert!(
        error.contains("lacks") && !dir.path().join("backup").exists(),
        "{error}"
    );
}

#[test]
fn an_entry_that_leads_elsewhere_or_is_no_file_is_refused() {
    for name in ["../ca.pem", "/tmp/ca.pem", "./ca.pem", "ca.pem\u{0}x"] {
        let hostile = changed(|entries| {
            let field = &mut entries[1].0.as_old_mut().name;
            field.fill(0);
            field[..name.len()].copy_from_slice(name.as_bytes());
        });
        // What follows a NUL is no part of a name.
        assert_eq!(unpacked(&hostile).is_ok(), name.starts_with("ca.pem"), "{name}");
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::GNULongName,
        EntryType::GNUSparse,
        EntryType::XHeader,
    ] {
        let hostile = changed(|entries| entries[1].0.set_entry_type(kind));
        assert!(unpacked(&hostile).is_err(), "{kind:?}");
    }
}

#[test]
fn an_archive_that_is_not_what_its_manifest_says_is_refused() {
    let refused = |what: &str, bytes: Vec<u8>| {
        let error = unpacked(&bytes).err();
        assert!(error.is_some(), "{what}");
    };
    refused("a changed byte", changed(|entries| entries[2].1[0] ^= 1));
    refused("a missing file", changed(|entries| drop(entries.pop())));
    refused(
        "a file too many",
        changed(|entries| entries.push(entries[1].clone())),
    );
    refused("another order", changed(|entries| entries.swap(1, 2)));
    refused("no manifest", changed(|entries| drop(entries.remove(0))));
    refused(
        "a longer file",
        changed(|entries| {
            entries[1].1.push(0);
            let longer = entries[1].1.len() as u64;
            entries[1].0.set_size(longer);
        }),
    );
    let whole = backup();
    let content = whole.len() - 1024 - 512;
    for length in (0..content).step_by(97) {
        refused("cut short", whole[..length].to_vec());
    }
}

#[test]
fn a_size_beyond_everything_is_refused_without_reading_it() {
    let hostile = changed(|entries| {
        let text = String::from_utf8(entries[0].1.clone()).unwrap();
        let huge = text.replacen("\"bytes\": 17", "\"bytes\": 18446744073709551615", 1);
        entries[0].0.set_size(huge.len() as u64);
        entries[0].1 = huge.into_bytes();
    });
    let error = unpacked(&hostile).unwrap_err();
    assert!(error.contains("larger"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, at in 0_usize..8192, byte: u8) {
        let _ = unpacked(&bytes);
        let mut flipped = backup();
        let at = at % flipped.len();
        flipped[at] ^= byte;
        let _ = unpacked(&flipped);
    }
}
