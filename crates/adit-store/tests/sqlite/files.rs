//! What lies on the disk.

use std::os::unix::fs::PermissionsExt as _;

use adit_store::{OpenError, Store, StoreOptions};

use crate::support::{KEY, TOKEN, home, keys};

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("adit.db");
    std::fs::write(
        &file,
        "this is no database, but it is long enough to look at".repeat(100),
    )
    .unwrap();
    let opened = Store::open(file.to_str().unwrap(), &keys(), StoreOptions::default()).await;
    assert!(matches!(opened, Err(OpenError::Database { .. })));
    let nowhere = directory.path().join("missing/adit.db");
    let opened = Store::open(nowhere.to_str().unwrap(), &keys(), StoreOptions::default()).await;
    assert!(matches!(opened, Err(OpenError::Database { .. })));
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let home = home!();
    for entry in std::fs::read_dir(home.place.directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[tokio::test]
async fn no_credential_lies_readable_in_the_files() {
    let home = home!();
    let tunnel = home.tunnel("blog").await;
    let secret = home
        .catalog()
        .tunnel_secret(tunnel.key, adit_model::TunnelKind::CfdTunnel)
        .await
        .unwrap();
    for entry in std::fs::read_dir(home.place.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        for credential in [
            TOKEN.as_bytes(),
            KEY.as_bytes(),
            secret.expose(),
            secret.digest().as_bytes(),
        ] {
            let found = content
                .windows(credential.len())
                .any(|window| window == credential);
            assert!(!found, "{} holds a credential", path.display());
        }
    }
}
