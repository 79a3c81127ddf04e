//! Command lines that make no sense, to the binary called as `cloudflared`: its exit codes are those of the stock client,
//! which is asked, too, where it is there.

use std::{path::Path, process::Stdio};

use adit_testing::{cloudflared, skip};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{as_cloudflared, run};

/// Lines and exit codes of cloudflared 2026.8.2. `@` stands for a directory with the files below.
const LINES: [(&str, i32); 71] = [
    ("tunnel --nosuch", 0),
    ("tunnel --nosuch run", 0),
    ("tunnel run --nosuch", 0),
    ("--nosuch", 0),
    ("nosuch", 1),
    ("tunnel nosuch", 1),
    ("tunnel", 1),
    ("tunnel run", 255),
    ("tunnel run a b", 255),
    ("tunnel run --token", 0),
    ("tunnel run --token x", 255),
    ("tunnel run --token-file /nowhere/token", 255),
    ("tunnel run --token-file @/token", 255),
    ("tunnel run 11111111-1111-4111-8111-111111111111", 1),
    ("tunnel --origincert /nowhere/cert.pem run shop", 1),
    ("tunnel run shop", 1),
    (
        "tunnel --credentials-file /nowhere/c.json run 11111111-1111-4111-8111-111111111111",
        1,
    ),
    (
        "tunnel --credentials-file @/token run 11111111-1111-4111-8111-111111111111",
        1,
    ),
    (
        "tunnel run --credentials-contents no 11111111-1111-4111-8111-111111111111",
        1,
    ),
    ("tunnel --config /nowhere/config.yml run", 1),
    ("tunnel --config @/bad.yml run", 1),
    ("tunnel --config @/list.yml run", 1),
    ("tunnel --config @/empty.yml run", 255),
    ("tunnel --config @/named.yml run", 1),
    ("tunnel --config @/named.yml", 1),
    ("tunnel --config @/word.yml run", 1),
    ("tunnel --config @/number.yml run", 1),
    ("tunnel --config @/bad.yml list", 1),
    ("tunnel --retries abc run", 0),
    ("tunnel --grace-period 5 run", 0),
    ("tunnel --no-autoupdate=maybe run", 0),
    ("tunnel --ha-connections=-1 run", 255),
    ("tunnel --hostname a.example.com", 1),
    ("tunnel --name shop", 1),
    (
        "tunnel --url http://localhost:1 --quick-service http://127.0.0.1:1",
        1,
    ),
    ("--url http://localhost:1 --quick-service http://127.0.0.1:1", 1),
    ("tunnel create", 255),
    ("tunnel create a b", 255),
    ("tunnel create --secret x a", 1),
    ("tunnel list --nosuch", 0),
    ("tunnel info", 255),
    ("tunnel delete", 255),
    ("tunnel cleanup", 255),
    ("tunnel token", 255),
    ("tunnel route", 0),
    ("tunnel route nosuch", 3),
    ("tunnel route dns", 255),
    ("tunnel route ip", 0),
    ("tunnel route ip add", 1),
    ("tunnel vnet", 0),
    ("tunnel vnet add", 1),
    ("tunnel ready", 1),
    ("tunnel ingress", 0),
    ("tunnel ingress rule", 1),
    ("tunnel proxy-dns", 1),
    ("tunnel db-connect", 255),
    ("tunnel help", 0),
    ("tunnel help run", 0),
    ("tunnel help nosuch", 3),
    ("help", 0),
    ("help tunnel", 0),
    ("help nosuch", 3),
    ("--help", 0),
    ("tunnel run -h", 0),
    ("version --short", 0),
    ("version --nosuch", 0),
    ("-v", 0),
    ("proxy-dns --port 5053", 1),
    ("db-connect", 255),
    ("service", 0),
    ("service nosuch", 3),
];

const FILES: [(&str, &str); 7] = [
    ("token", "no token"),
    ("bad.yml", "tunnel: [\n"),
    ("list.yml", "- a\n- b\n"),
    ("empty.yml", ""),
    (
        "named.yml",
        "tunnel: 11111111-1111-4111-8111-111111111111\nunknown: key\n",
    ),
    ("word.yml", "retries: abc\n"),
    ("number.yml", "loglevel: info\ngrace-period: 5\n"),
];

fn home() -> TempDir {
    let home = TempDir::new().unwrap();
    for (name, text) in FILES {
        std::fs::write(home.path().join(name), text).unwrap();
    }
    home
}

async fn code(mut command: Command, home: &Path, line: &str) -> Option<i32> {
    let here = home.display().to_string();
    let words = line.split(' ').map(|word| word.replace('@', &here));
    command.args(words).current_dir(home).kill_on_drop(true);
    let output = tokio::time::timeout(std::time::Duration::from_secs(30), command.output())
        .await
        .unwrap_or_else(|_| panic!("{line} did not end"))
        .unwrap();
    output.status.code()
}

#[tokio::test]
async fn exit_codes_are_those_of_the_stock_client() {
    let home = home();
    let mut wrong = Vec::new();
    for (line, wanted) in LINES {
        let code = code(as_cloudflared(home.path()), home.path(), line).await;
        if code != Some(wanted) {
            wrong.push((line, wanted, code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_stock_client_ends_with_these_exit_codes() {
    let Some(binary) = cloudflared::binary() else {
        return skip("the_stock_client_ends_with_these_exit_codes", cloudflared::ABSENT);
    };
    let home = home();
    let mut wrong = Vec::new();
    for (line, wanted) in LINES {
        let mut command = Command::new(&binary);
        command.env_clear().env("HOME", home.path()).stdin(Stdio::null());
        let code = code(command, home.path(), line).await;
        if code != Some(wanted) {
            wrong.push((line, wanted, code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn called_as_adit_wrong_usage_ends_with_two() {
    for line in [
        "tunnel --nosuch",
        "tunnel nosuch",
        "tunnel",
        "tunnel run a b",
        "tunnel --retries abc run",
        "tunnel route nosuch",
        "tunnel --edge a:1 run",
        "tunnel --url http://localhost:1 --edge a:1",
        "help nosuch",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let outcome = run(&[], &words).await;
        assert_eq!(outcome.code, Some(2), "{line}: {outcome:?}");
        assert!(
            outcome.stdout.is_empty() && !outcome.stderr.is_empty(),
            "{line}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn help_may_be_a_command() {
    let plain = run(&[], &["tunnel", "run", "--help"]).await;
    assert_eq!(plain.code, Some(0));
    for words in [["help", "tunnel", "run"], ["tunnel", "help", "run"]] {
        let outcome = run(&[], &words).await;
        assert_eq!((outcome.code, outcome.stdout), (Some(0), plain.stdout.clone()));
    }
}

#[tokio::test]
async fn an_unknown_flag_prints_help_to_stdout_as_cloudflared() {
    let home = home();
    let output = as_cloudflared(home.path())
        .args(["tunnel", "run", "--nosuch"])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Incorrect Usage: "), "{text}");
    assert!(
        text.contains("--nosuch") && text.contains("--token-file"),
        "{text}"
    );
    assert!(output.stderr.is_empty());
}

#[tokio::test]
async fn an_empty_variable_says_nothing() {
    let empty = [
        "NO_AUTOUPDATE",
        "TUNNEL_RETRIES",
        "TUNNEL_GRACE_PERIOD",
        "TUNNEL_EDGE",
        "TUNNEL_HELLO_WORLD",
        "TUNNEL_LOGLEVEL",
        "TUNNEL_MAX_ACTIVE_FLOWS",
    ];
    let variables = empty.map(|name| (name, ""));
    let outcome = run(&variables, &["tunnel", "--edge", "127.0.0.1:1", "run"]).await;
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.starts_with("error: which tunnel?"), "{outcome:?}");
}

#[tokio::test]
async fn a_value_of_the_file_that_makes_no_sense_is_told_with_its_line() {
    let home = home();
    let path = home.path().join("number.yml").display().to_string();
    let outcome = run(&[], &["tunnel", "--config", &path, "run"]).await;
    assert_eq!(outcome.code, Some(1));
    let told = format!("error: {path}:2: `grace-period` is to be a time such as 30s, and is \"5\"\n");
    assert_eq!(outcome.stderr, told);
}
