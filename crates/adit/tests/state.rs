//! What survives: backups and restores, PostgreSQL, and schemas of other versions, through the binary alone.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail a test by panicking, too"
)]

mod support;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use adit_testing::{origin::Origin, postgres, process::clean, skip, wait_for};
use serde_json::json;
use sqlx::{
    Connection as _, SqlSafeStr, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::SqliteConnectOptions,
};
use support::{ADIT, Connector, Server};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A command of ours to its end: whether it succeeded, and all that it said.
async fn adit(args: &[&str], paths: &[&Path]) -> (bool, String) {
    let mut command = clean(ADIT);
    command.args(args).args(paths).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
    let output = output.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

async fn backup(data: &Path, file: &Path) -> (bool, String) {
    adit(&["backup", "--data-dir"], &[data, file]).await
}

async fn restore(data: &Path, file: &Path, flags: &[&str]) -> (bool, String) {
    adit(&[&["restore"], flags, &["--data-dir"]].concat(), &[data, file]).await
}

async fn names(server: &Server) -> Vec<String> {
    let tunnels = server
        .api("GET", "/cfd_tunnel?per_page=1000&is_deleted=false", json!({}))
        .await;
    let tunnels = tunnels.as_array().unwrap().iter();
    tunnels
        .map(|tunnel| tunnel["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_backup_of_a_running_server_brings_everything_back_elsewhere() {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let _connector = server.connect(&tunnel, &origin.url()).await;
    let place = TempDir::new().unwrap();
    let file = place.path().join("adit.backup");

    let (done, said) = backup(&server.data, &file).await;
    assert!(done, "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
    let (done, said) = backup(&server.data, &file).await;
    assert!(
        !done && said.contains("exists already") && said.contains("--force"),
        "{said}"
    );
    assert!(
        adit(&["backup", "--force", "--data-dir"], &[&server.data, &file])
            .await
            .0
    );

    let elsewhere = TempDir::new().unwrap();
    let data = elsewhere.path().join("data");
    let (done, said) = restore(&data, &file, &[]).await;
    assert!(done, "{said}");
    for path in ["adit.db", "cert.pem", "ca.pem", "keys/secrets.key", "keys/ca.key"] {
        let mode = fs::metadata(data.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    let before = names(&server).await;
    drop(server);
    let restored = Server::start_in(elsewhere, &["up", "--no-demo"]).await;
    assert_eq!(names(&restored).await, before);
    let _connector = Connector::start(&restored, &tunnel.token, &origin.url()).await;
    restored.connected(&tunnel, 4).await;
    restored.answers(&tunnel.host, 200, Duration::from_secs(20)).await;
}

#[tokio::test]
async fn a_backup_holds_what_was_acknowledged_before_it_while_writes_go_on() {
    let server = Server::start().await;
    let place = TempDir::new().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let backed_up = CancellationToken::new();
    let writes = async {
        for number in 0.. {
            let name = format!("t{number}");
            let tunnel = server.tunnel(&name).await;
            acknowledged.lock().unwrap().insert((name, tunnel.host));
            if backed_up.is_cancelled() {
                return;
            }
        }
    };
    let backups = async {
        let mut made = Vec::new();
        for number in 0..3 {
            wait_for("more writes", async || {
                acknowledged.lock().unwrap().len() > 5 * (number + 1)
            })
            .await;
            let before = acknowledged.lock().unwrap().clone();
            let file = place.path().join(format!("{number}.backup"));
            let (done, said) = backup(&server.data, &file).await;
            assert!(done, "{said}");
            made.push((before, file));
        }
        backed_up.cancel();
        made
    };
    let ((), made) = tokio::join!(writes, backups);

    for (before, file) in made {
        let elsewhere = TempDir::new().unwrap();
        let (done, said) = restore(&elsewhere.path().join("data"), &file, &[]).await;
        assert!(done, "{said}");
        let restored = Server::start_in(elsewhere, &["up", "--no-demo"]).await;
        let names: BTreeSet<String> = names(&restored).await.into_iter().collect();
        for (name, host) in before {
            assert!(names.contains(&name), "{name} was acknowledged before the backup");
            // Its record, too, which was a write of its own.
            restored.answers(&host, 530, Duration::from_secs(10)).await;
        }
    }
}

#[tokio::test]
async fn a_restore_touches_nothing_that_is_used_or_there_unless_told_to() {
    let mut server = Server::start().await;
    server.tunnel("old").await;
    let place = TempDir::new().unwrap();
    let file = place.path().join("adit.backup");
    assert!(backup(&server.data, &file).await.0);
    server.tunnel("new").await;

    let (done, said) = restore(&server.data, &file, &["--force"]).await;
    assert!(
        !done && said.contains("in use by the adit process with pid"),
        "{said}"
    );
    server.process.terminate().await;
    let (done, said) = restore(&server.data, &file, &[]).await;
    assert!(
        !done && said.contains("not empty") && said.contains("--force"),
        "{said}"
    );

    // A backup that is cut is found out before anything moves.
    let cut = place.path().join("cut.backup");
    let whole = fs::read(&file).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let database = fs::read(server.data.join("adit.db")).unwrap();
    let (done, said) = restore(&server.data, &cut, &["--force"]).await;
    assert!(!done && said.contains("nothing was changed"), "{said}");
    assert_eq!(fs::read(server.data.join("adit.db")).unwrap(), database);

    let (done, said) = restore(&server.data, &file, &["--force"]).await;
    assert!(done && said.contains("before-restore-"), "{said}");
    let aside: Vec<PathBuf> = fs::read_dir(&server.data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.display().to_string().contains("before-restore-"))
        .collect();
    assert_eq!(fs::read(aside[0].join("adit.db")).unwrap(), database);
    assert!(aside[0].join("keys/secrets.key").exists());
    server.start_again().await;
    assert_eq!(names(&server).await, ["old"]);
}

#[tokio::test]
async fn a_half_restored_directory_serves_nothing_until_a_restore_has_finished() {
    let mut server = Server::start().await;
    server.tunnel("old").await;
    let place = TempDir::new().unwrap();
    let file = place.path().join("adit.backup");
    assert!(backup(&server.data, &file).await.0);
    server.process.terminate().await;
    // As a restore leaves it that ended while it moved the old aside: the database has gone there, the keys have not.
    let data = server.data.clone();
    for dir in ["restore.moving/keys", "before-restore-1"] {
        fs::create_dir_all(data.join(dir)).unwrap();
    }
    fs::write(data.join("restore.moving/adit.db"), "another backup's").unwrap();
    fs::rename(data.join("adit.db"), data.join("before-restore-1/adit.db")).unwrap();

    let (done, said) = adit(&["up", "--data-dir"], &[&data]).await;
    assert!(
        !done && said.contains("half restored") && said.contains("adit restore"),
        "{said}"
    );
    let (done, said) = backup(&data, &place.path().join("half.backup")).await;
    assert!(!done && said.contains("half restored"), "{said}");
    let (done, said) = restore(&data, &file, &["--force"]).await;
    assert!(done && !data.join("restore.moving").exists(), "{said}");
    assert!(data.join("before-restore-1/adit.db").exists());
    let aside = said
        .lines()
        .find_map(|line| line.split_once(" there before is in "));
    let aside = Path::new(aside.unwrap().1);
    for path in ["keys/secrets.key", "restore.moving/adit.db"] {
        assert!(aside.join(path).exists(), "{path}");
    }
    server.start_again().await;
    assert_eq!(names(&server).await, ["old"]);
}

/// A database as a version of long ago left it: the first step of the schema alone.
async fn old_database(data: &Path) -> SqliteConnection {
    fs::create_dir_all(data).unwrap();
    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).unwrap();
    let options = SqliteConnectOptions::new()
        .filename(data.join("adit.db"))
        .create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let step = Migration::new(
        1,
        Cow::Borrowed("tunnels, zones, presence, audit and changes"),
        MigrationType::Simple,
        include_str!("../../adit-store/src/sqlite/0001_tunnels_zones_presence.sql").into_sql_str(),
        false,
    );
    let steps = Migrator::with_migrations(vec![step]);
    steps.run_direct(None, &mut connection, false).await.unwrap();
    connection
}

#[tokio::test]
async fn an_older_database_is_copied_before_it_is_migrated_and_a_newer_one_is_refused() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    old_database(&data).await.close().await.unwrap();
    let mut server = Server::start_in(dir, &["up", "--no-demo"]).await;
    server.tunnel("shop").await;
    let copies = fs::read_dir(&server.data)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let copies: Vec<_> = copies
        .filter(|path| path.display().to_string().contains("adit.db.before-"))
        .collect();
    assert_eq!(copies.len(), 1);
    assert_eq!(
        fs::metadata(&copies[0]).unwrap().permissions().mode() & 0o777,
        0o600
    );

    server.process.terminate().await;
    let options = SqliteConnectOptions::new().filename(server.data.join("adit.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'of a later version', TRUE, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let (done, said) = adit(&["up", "--data-dir"], &[&server.data]).await;
    assert!(!done && said.contains("has schema 999"), "{said}");

    // It can be backed up, but not restored by a version that does not know it.
    let place = TempDir::new().unwrap();
    let (file, elsewhere) = (place.path().join("backup"), place.path().join("data"));
    assert!(backup(&server.data, &file).await.0);
    let (done, said) = restore(&elsewhere, &file, &[]).await;
    assert!(
        !done && said.contains("999") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(!elsewhere.join("adit.db").exists());
}

#[tokio::test]
async fn a_server_on_postgresql_serves_restarts_and_outlives_its_database() {
    let postgres = match postgres::Server::start() {
        Ok(postgres) => postgres,
        Err(reason) => {
            return skip(
                "a_server_on_postgresql_serves_restarts_and_outlives_its_database",
                reason,
            );
        }
    };
    let url = postgres.lasting_database();
    let dir = TempDir::new().unwrap();
    let mut server = Server::start_in(dir, &["server", "--store-url", &url]).await;
    assert_eq!(server.run_file()["store"], "postgres");
    assert!(!server.data.join("adit.db").exists());
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let _connector = server.connect(&tunnel, &origin.url()).await;
    server.answers(&tunnel.host, 200, Duration::from_secs(20)).await;

    // No request needs the database; a change does, and works again once it is back.
    postgres.stop();
    assert_eq!(server.status(&tunnel.host).await, 200);
    postgres.start_again();
    server.tunnel("blog").await;

    server.kill_and_return_after(Duration::ZERO).await;
    assert_eq!(names(&server).await.len(), 2);
    server.connected(&tunnel, 4).await;
    server.answers(&tunnel.host, 200, Duration::from_secs(20)).await;

    let file = server.data.with_file_name("backup");
    let config = server.data.with_file_name("adit.toml");
    fs::write(&config, format!("[store]\nurl = \"{url}\"\n")).unwrap();
    let flags = ["backup", "--config", config.to_str().unwrap(), "--data-dir"];
    let (done, said) = adit(&flags, &[&server.data, &file]).await;
    assert!(
        done && said.contains("NOT the database") && said.contains("pg_dump"),
        "{said}"
    );
    let elsewhere = server.data.with_file_name("elsewhere");
    let (done, said) = restore(&elsewhere, &file, &[]).await;
    assert!(
        done && said.contains("pg_restore") && said.contains("store.url in the configuration"),
        "{said}"
    );
    let key = |data: &Path| fs::read(data.join("keys/secrets.key")).unwrap();
    assert_eq!(key(&elsewhere), key(&server.data));
}

#[tokio::test]
async fn an_unreachable_database_is_named_without_its_password() {
    let dir = TempDir::new().unwrap();
    let url = "postgres://adit:hunter2@127.0.0.1:1/state";
    let (done, said) = adit(&["server", "--store-url", url, "--data-dir"], &[dir.path()]).await;
    assert!(!done && !said.contains("hunter2"), "{said}");
    assert!(
        said.contains("the PostgreSQL database state on 127.0.0.1"),
        "{said}"
    );
}

#[tokio::test]
async fn a_backup_without_a_database_or_a_directory_says_so_and_leaves_nothing() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("backup");
    let (done, said) = backup(&place.path().join("nowhere"), &file).await;
    assert!(!done && said.contains("no data directory"), "{said}");
    let mut server = Server::start().await;
    server.process.terminate().await;
    fs::remove_file(server.data.join("adit.db")).unwrap();
    let (done, said) = backup(&server.data, &file).await;
    assert!(!done && said.contains("adit.db"), "{said}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    wait_for("the server's end", async || {
        !server.data.join("run.json").exists()
    })
    .await;
}
