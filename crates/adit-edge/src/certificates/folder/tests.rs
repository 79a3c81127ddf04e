use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

/// A certificate for these names and its key, as PEM.
fn pems(names: &[&str], years: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(2030 + years, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn write(dir: &TempDir, name: &str, text: &str) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn pair(dir: &TempDir, names: &[&str], chain: &str, key: &str) {
    let (certificate, private) = pems(names, 1);
    write(dir, chain, &certificate);
    write(dir, key, &private);
}

fn open(dir: &TempDir) -> CertificateFolder {
    CertificateFolder::open(dir.path().to_owned()).unwrap()
}

fn find(folder: &CertificateFolder, host: &str) -> Option<Arc<CertifiedKey>> {
    folder.find(&host.parse().unwrap())
}

fn same(one: &Option<Arc<CertifiedKey>>, other: &Option<Arc<CertifiedKey>>) -> bool {
    Arc::ptr_eq(one.as_ref().unwrap(), other.as_ref().unwrap())
}

#[test]
fn the_exact_name_wins_and_a_wildcard_stands_for_one_label() {
    let dir = TempDir::new().unwrap();
    pair(&dir, &["shop.example"], "shop.crt", "shop.key");
    pair(
        &dir,
        &["*.shop.example", "other.example"],
        "live/x/fullchain.pem",
        "live/x/privkey.pem",
    );
    pair(&dir, &["a.shop.example"], "a.pem", "a.key");
    let folder = open(&dir);
    let wildcard = find(&folder, "b.shop.example");
    assert!(same(&wildcard, &find(&folder, "other.example")));
    assert!(!same(&wildcard, &find(&folder, "a.shop.example")));
    assert!(!same(&wildcard, &find(&folder, "shop.example")));
    for none in ["a.b.shop.example", "example", "stranger.example"] {
        assert!(find(&folder, none).is_none(), "{none}");
    }
}

#[test]
fn one_file_may_hold_both_and_a_chain_alone_is_nobodys() {
    let dir = TempDir::new().unwrap();
    let (certificate, key) = pems(&["both.example"], 1);
    write(&dir, "both.pem", &format!("{certificate}{key}"));
    write(&dir, "chain-of-another.pem", &pems(&["alone.example"], 1).0);
    let folder = open(&dir);
    assert!(find(&folder, "both.example").is_some());
    assert!(find(&folder, "alone.example").is_none());
}

#[test]
fn of_two_for_a_name_the_one_that_ends_last_is_served() {
    let dir = TempDir::new().unwrap();
    let mut ends = Vec::new();
    for (file, years) in [("a", 1), ("b", 3), ("c", 2)] {
        let (certificate, key) = pems(&["shop.example"], years);
        write(&dir, &format!("{file}.crt"), &certificate);
        write(&dir, &format!("{file}.key"), &key);
        ends.push(Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
    }
    let served = find(&open(&dir), "shop.example").unwrap();
    assert_eq!(served.cert, ends[1].certified_key().cert);
}

#[test]
fn a_changed_file_is_read_and_a_broken_one_leaves_what_was() {
    let dir = TempDir::new().unwrap();
    pair(&dir, &["shop.example"], "shop.crt", "shop.key");
    let folder = open(&dir);
    let first = find(&folder, "shop.example");
    folder.look().unwrap();
    assert!(
        same(&first, &find(&folder, "shop.example")),
        "nothing has changed"
    );

    write(&dir, "shop.crt", "-----BEGIN CERTIFICATE-----\nbroken");
    folder.look().unwrap();
    assert!(same(&first, &find(&folder, "shop.example")));
    // A renewal that is half done: the key is another one's.
    write(
        &dir,
        "shop.crt",
        &pems(&["shop.example", "www.shop.example"], 1).0,
    );
    folder.look().unwrap();
    assert!(same(&first, &find(&folder, "shop.example")));

    pair(
        &dir,
        &["shop.example", "www.shop.example"],
        "shop.crt",
        "shop.key",
    );
    folder.look().unwrap();
    assert!(!same(&first, &find(&folder, "shop.example")));
    assert!(find(&folder, "www.shop.example").is_some());
}

#[test]
fn a_file_that_is_gone_twice_is_removed_and_a_new_one_is_found() {
    let dir = TempDir::new().unwrap();
    pair(&dir, &["shop.example"], "shop.crt", "shop.key");
    let folder = open(&dir);
    fs::remove_file(dir.path().join("shop.key")).unwrap();
    pair(&dir, &["new.example"], "new/fullchain.pem", "new/privkey.pem");
    folder.look().unwrap();
    assert!(find(&folder, "new.example").is_some());
    assert!(find(&folder, "shop.example").is_some(), "it may come back");
    folder.look().unwrap();
    assert!(find(&folder, "shop.example").is_none());
}

#[test]
fn a_folder_that_is_none_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    write(&dir, "file", "");
    for (name, reason) in [("absent", "No such file"), ("file", "Not a directory")] {
        let path = dir.path().join(name);
        let error = CertificateFolder::open(path.clone()).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(error.cause.to_string().contains(reason), "{}", error.cause);
    }
}

#[test]
fn what_is_no_certificate_keeps_no_other_from_being_served() {
    let dir = TempDir::new().unwrap();
    pair(&dir, &["shop.example"], "shop.crt", "shop.key");
    pair(&dir, &["192.0.2.1"], "address.crt", "address.key");
    let (certificate, _) = pems(&["mixed.example"], 1);
    write(&dir, "mixed.crt", &certificate);
    write(&dir, "mixed.key", &pems(&["mixed.example"], 1).1);
    write(&dir, "empty.crt", "");
    write(&dir, "empty.key", "");
    write(&dir, "large.crt", &"x".repeat(2 << 20));
    write(&dir, "large.key", "");
    let folder = open(&dir);
    assert!(find(&folder, "shop.example").is_some());
    assert!(find(&folder, "mixed.example").is_none());
}
