//! `adit login`: what it asks, what it refuses, and what it leaves.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Stdio,
    time::Duration,
};

use adit_testing::{cloudflared, skip};
use adit_wire::OriginCertificate;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdout, Command},
};

use crate::{
    recording_api::{ACCOUNT, RecordingApi, ZONE, list, ok, refused},
    support::{Adit, Outcome, binary, run_in},
};

const OTHER: &str = "11111111111111111111111111111111";

fn token() -> String {
    "t".repeat(40)
}

/// An API with two accounts, the second with two zones.
fn answers(_: &str, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path {
        "/user/tokens/verify" => ok(json!({"id": OTHER, "status": "active"})),
        "/accounts" => list(vec![
            json!({"id": ACCOUNT, "name": "home"}),
            json!({"id": OTHER, "name": "work"}),
        ]),
        "/zones" if query.contains(OTHER) => list(vec![
            json!({"id": ZONE, "name": "one.example"}),
            json!({"id": OTHER, "name": "two.example"}),
        ]),
        "/zones" => list(vec![json!({"id": ZONE, "name": "home.example"})]),
        _ => refused(404, 7003, "no route"),
    }
}

/// Runs a command with something on its standard input.
async fn run_with_input(mut command: Command, input: &str) -> Outcome {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    // A command that refuses reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let output = child.wait_with_output().await.unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn login(home: &Path, url: &str, args: &[&str]) -> Outcome {
    let mut command = binary(home);
    command.env("TUNNEL_API_URL", url).arg("login").args(args);
    run_with_input(command, &format!("{}\n", token())).await
}

fn written(home: &Path) -> OriginCertificate {
    let path = home.join(".cloudflared/cert.pem");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    OriginCertificate::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn after_a_login_the_commands_of_both_clients_work() {
    let adit = Adit::start(&["--no-demo"]).await;
    let variables = adit.variables().await;
    let of = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .clone()
    };
    let home = TempDir::new().unwrap();
    let file = home.path().join("token");
    std::fs::write(&file, format!("  {}\n", of("CLOUDFLARE_API_TOKEN"))).unwrap();
    let url = [("TUNNEL_API_URL", of("TUNNEL_API_URL"))];
    let url: Vec<_> = url.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let file = file.display().to_string();
    let words = ["tunnel", "login", "--api-token-file", &file];

    let outcome = run_in(home.path(), &url, &words).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        !outcome.stderr.contains(&of("CLOUDFLARE_API_TOKEN")),
        "{outcome:?}"
    );
    assert_eq!(written(home.path()).api_token, of("CLOUDFLARE_API_TOKEN"));
    let made = run_in(home.path(), &url, &["tunnel", "create", "ours"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");

    let again = run_in(home.path(), &url, &words).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("cert.pem"), "{again:?}");
    // The stock client only tells of it.
    let link = home.path().join("cloudflared");
    symlink(env!("CARGO_BIN_EXE_adit"), &link).unwrap();
    let mut command = Command::new(&link);
    command
        .env_clear()
        .env("HOME", home.path())
        .args(["login", "--api-url", url[0].1]);
    assert_eq!(run_with_input(command, "").await.code, Some(0));

    let Some(stock) = cloudflared::binary() else {
        return skip(
            "after_a_login_the_commands_of_both_clients_work (stock)",
            cloudflared::ABSENT,
        );
    };
    let place = home.path().display().to_string();
    let environment = [("TUNNEL_API_URL", url[0].1), ("HOME", &place)];
    for words in [
        &["tunnel", "create", "theirs"][..],
        &["tunnel", "list"],
        &["tunnel", "route", "dns", "theirs", "theirs.adit.localhost"],
        &["tunnel", "vnet", "list"],
    ] {
        let output = cloudflared::run(&stock, environment, words).await;
        assert!(output.status.success(), "{words:?} {output:?}");
        if words == ["tunnel", "list"] {
            let listed = String::from_utf8(output.stdout).unwrap();
            assert!(listed.contains("ours") && listed.contains("theirs"), "{listed}");
        }
    }
}

#[tokio::test]
async fn an_account_and_a_zone_are_named_if_there_are_several() {
    let api = RecordingApi::start(answers).await;
    let home = TempDir::new().unwrap();
    for (args, told) in [
        (&[][..], "--account"),
        (&["--account", "work"], "--zone"),
        (&["--account", "elsewhere"], "elsewhere"),
        (&["--account", "home", "--zone", "one.example"], "home.example"),
    ] {
        let outcome = login(home.path(), api.url(), args).await;
        assert_eq!(outcome.code, Some(1), "{args:?} {outcome:?}");
        assert!(outcome.stderr.contains(told), "{args:?} {outcome:?}");
    }
    api.asked().await;
    let outcome = login(
        home.path(),
        api.url(),
        &["--account", "work", "--zone", "two.example"],
    )
    .await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let login = written(home.path());
    assert_eq!(
        (login.account.to_string(), login.zone.to_string()),
        (OTHER.to_owned(), OTHER.to_owned())
    );
    assert_eq!(
        api.asked().await,
        [
            "GET /user/tokens/verify".to_owned(),
            "GET /accounts?page=1&per_page=50".to_owned(),
            format!("GET /zones?account.id={OTHER}&page=1&per_page=50"),
        ]
    );
}

#[tokio::test]
async fn what_is_no_login_leaves_no_certificate() {
    fn disabled(_: &str, _: &str) -> (u16, Value) {
        ok(json!({"id": OTHER, "status": "disabled"}))
    }
    fn unknown(_: &str, _: &str) -> (u16, Value) {
        refused(401, 1000, "Invalid API Token")
    }
    for (answers, told) in [
        (disabled as fn(&str, &str) -> (u16, Value), "disabled"),
        (unknown, "Invalid API Token"),
    ] {
        let api = RecordingApi::start(answers).await;
        let home = TempDir::new().unwrap();
        let outcome = login(home.path(), api.url(), &[]).await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains(told), "{outcome:?}");
        assert!(!home.path().join(".cloudflared/cert.pem").exists());
    }
    let home = TempDir::new().unwrap();
    for (variables, args, code) in [
        (&[][..], &["login"][..], 2),
        (&[("TUNNEL_API_URL", "http://127.0.0.1:1")], &["login"], 2),
        (
            &[],
            &["login", "--api-url", "bogus", "--api-token-file", "/nowhere"],
            1,
        ),
        (&[], &["login", "--api-url", "http://127.0.0.1:1", "--fedramp"], 2),
    ] {
        let outcome = run_in(home.path(), variables, args).await;
        assert_eq!(outcome.code, Some(code), "{args:?} {outcome:?}");
    }
}

/// What a terminal shows.
struct Screen {
    output: ChildStdout,
    shown: String,
}

impl Screen {
    /// Reads on until it shows this.
    async fn until(&mut self, text: &str) {
        let reading = async {
            while !self.shown.contains(text) {
                let mut bytes = [0; 1024];
                let count = self.output.read(&mut bytes).await.unwrap();
                assert_ne!(count, 0, "{text:?} never came: {}", self.shown);
                self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), reading).await;
        assert!(in_time.is_ok(), "{text:?} never came: {}", self.shown);
    }
}

#[tokio::test]
async fn on_a_terminal_it_asks_and_does_not_show_the_token() {
    if !Path::new("/usr/bin/script").exists() {
        return skip(
            "on_a_terminal_it_asks_and_does_not_show_the_token",
            "/usr/bin/script is not there",
        );
    }
    let api = RecordingApi::start(answers).await;
    let home = TempDir::new().unwrap();
    let mut command = Command::new("/usr/bin/script");
    command
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{} login --account home", env!("CARGO_BIN_EXE_adit")))
        .arg("/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    let mut screen = Screen {
        output: child.stdout.take().unwrap(),
        shown: String::new(),
    };
    screen.until("API URL").await;
    keys.write_all(format!("{}\n", api.url()).as_bytes())
        .await
        .unwrap();
    screen.until("API token (is not shown): ").await;
    keys.write_all(format!("{}\n", token()).as_bytes()).await.unwrap();
    screen.until("TUNNEL_API_URL=").await;
    assert!(child.wait().await.unwrap().success(), "{}", screen.shown);
    assert!(!screen.shown.contains(&token()), "{}", screen.shown);
    assert_eq!(written(home.path()).api_token, token());
}
