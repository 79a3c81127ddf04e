//! Command lines and configuration that cannot be used, and what is said about them.

use tempfile::TempDir;

use crate::support::{binary, run, run_in};

/// Runs a tunnel with a flag that says how to dial.
fn dialling(flag: [&'static str; 2]) -> Vec<&'static str> {
    [&["tunnel", "--edge", "a:1", "run", "--token", TOKEN][..], &flag].concat()
}

/// Of no tunnel.
const TOKEN: &str = "eyJhIjoiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYiLCJzIjoiQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQT0iLCJ0IjoiN2M5ZTY2NzktNzQyNS00MGRlLTk0NGItZTA3ZmMxZjkwYWU3In0=";

#[tokio::test]
async fn wrong_usage_exits_2_and_speaks_on_stderr() {
    for args in [
        vec!["up", "--api-listen", "nonsense"],
        vec!["up", "--bogus"],
        vec!["up", "--mesh-listen", "nowhere"],
        vec!["up", "--mesh-advertise", "0.0.0.0:51820"],
        vec!["mesh", "up", "--table", "254"],
        vec!["mesh", "check", "nowhere"],
        vec!["up", "--private-proxy-listen", "nowhere"],
        vec!["up", "--private-allow", "10.0.0.0/33"],
        vec!["server", "--grace-period", "1h"],
        vec!["bogus"],
        vec!["tunnel"],
        vec!["tunnel", "bogus"],
        dialling(["--protocol", "smoke"]),
        dialling(["--edge-ip-version", "5"]),
        dialling(["--edge-proxy", "ftp://a:1"]),
    ] {
        let outcome = run(&[], &args).await;
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_misspelt_key_is_named_with_its_line() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("adit.toml");
    std::fs::write(
        &path,
        "domain = \"example.com\"\n\n[edge]\nlistne = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let outcome = run_in(home.path(), &[], &["server", "--config", path.to_str().unwrap()]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("adit.toml:4: unknown key `edge.listne`; did you mean `edge.listen`?")
    );
}

#[tokio::test]
async fn a_missing_file_is_a_failure_not_a_misuse() {
    let outcome = run(&[], &["server", "--config", "/nowhere/adit.toml"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("/nowhere/adit.toml"), "{outcome:?}");
}

#[tokio::test]
async fn the_connector_assumes_no_edge() {
    let outcome = run(&[("TUNNEL_TOKEN", "anything")], &["tunnel", "run"]).await;
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("--edge") && outcome.stderr.contains("TUNNEL_EDGE"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_bad_token_is_refused_and_not_quoted() {
    let edge = ("TUNNEL_EDGE", "127.0.0.1:1");
    let outcome = run(&[edge, ("TUNNEL_TOKEN", "hunter2")], &["tunnel", "run"]).await;
    assert_eq!(outcome.code, Some(2));
    assert!(!outcome.stderr.contains("hunter2"), "{outcome:?}");
}

#[tokio::test]
async fn help_and_version_go_to_stdout() {
    for (args, part) in [
        (vec!["--help"], "Usage: adit"),
        (vec!["up", "--help"], "ADIT_HTTP_MAX_HEADERS"),
        (vec!["server", "--help"], "--config"),
        (vec!["tunnel", "run", "--help"], "TUNNEL_TOKEN"),
        (vec!["version"], concat!("adit ", env!("CARGO_PKG_VERSION"))),
        (vec!["--version"], concat!("adit ", env!("CARGO_PKG_VERSION"))),
    ] {
        let outcome = run(&[("TUNNEL_TOKEN", "hunter2")], &args).await;
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(outcome.stdout.contains(part), "{outcome:?}");
        assert!(!outcome.stdout.contains("hunter2"));
    }
}

#[tokio::test]
async fn env_without_a_data_directory_says_which_command_makes_one() {
    let outcome = run(&[], &["env"]).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("adit up"), "{outcome:?}");
}

#[tokio::test]
async fn a_link_named_cloudflared_keeps_that_names_habits() {
    let home = TempDir::new().unwrap();
    let link = home.path().join("cloudflared");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_adit"), &link).unwrap();
    let run = |args: &'static [&'static str]| {
        let mut command = tokio::process::Command::new(&link);
        command.args(args).env_clear().env("HOME", home.path());
        async move { command.output().await.unwrap() }
    };
    let version = run(&["--version"]).await;
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("cloudflared version 2026.8.2 "));
    assert_eq!(run(&["tunnel", "create"]).await.status.code(), Some(255));
    let outcome = run(&["--no-autoupdate", "tunnel", "--origincert", "/nowhere", "list"]).await;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("/nowhere"));
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_failure() {
    for args in [["tunnel", "--help"], ["version", "--short"]] {
        let home = TempDir::new().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = binary(home.path());
        let output = command.args(args).stdout(writer).output().await.unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), &b""[..]),
            "{args:?}"
        );
    }
}

#[tokio::test]
async fn a_folder_of_certificates_that_is_not_there_is_named_at_the_start() {
    let mut args = vec!["up", "--no-demo", "--https-cert-dir", "/nowhere/certificates"];
    for listener in [
        "--api-listen",
        "--edge-listen",
        "--http-listen",
        "--https-listen",
        "--metrics-listen",
        "--mesh-listen",
    ] {
        args.extend([listener, "127.0.0.1:0"]);
    }
    let outcome = run(&[], &args).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    for said in [
        "cannot read the certificates in /nowhere/certificates",
        "No such file or directory",
    ] {
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
}
