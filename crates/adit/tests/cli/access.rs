//! `access` from outside: wrong usage, and what belongs to the vendor.

use std::os::unix::fs::symlink;

use adit_testing::{cloudflared, skip};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{Outcome, run, run_in};

/// The same as a link named `cloudflared`, or the stock client.
async fn called(program: &std::path::Path, home: &std::path::Path, args: &[&str]) -> Outcome {
    let output = Command::new(program)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .args(args)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn wrong_usage_of_a_forwarder_is_told() {
    for (args, code, words) in [
        (&["access", "tcp"][..], 2, "no host name"),
        (
            &["access", "tcp", "--hostname", "a b"],
            2,
            "no host name and no URL",
        ),
        (
            &["access", "tcp", "--hostname", "h", "--url", "foo://a:1"],
            1,
            "foo://",
        ),
        (
            &["access", "tcp", "--hostname", "h", "--url", "127.0.0.1"],
            1,
            "HOST:PORT",
        ),
        (
            &["access", "tcp", "--hostname", "h", "--url", "a:1", "b:2"],
            1,
            "twice",
        ),
        (
            &["access", "tcp", "--hostname", "h", "--header", "a b: c"],
            2,
            "name of a header",
        ),
        (
            &["access", "tcp", "--hostname", "h", "--connect-to", "a:b:c:d"],
            1,
            "invalid connection override",
        ),
        (
            &["access", "tcp", "--hostname", "127.0.0.1:1"],
            1,
            "cannot connect to 127.0.0.1:1",
        ),
        (&["access", "ssh", "--hostname", "h", "--bogus"], 2, "--bogus"),
        (
            &["forward", "smb", "--hostname", "h", "--debug-stream", "x"],
            2,
            "debug-stream",
        ),
        (&["access", "login"], 1, "no host name"),
        (
            &["access", "login", "shop.example"],
            1,
            "the vendor's access service",
        ),
        (
            &["access", "token", "--app", "shop.example"],
            1,
            "the vendor's access service",
        ),
        (
            &["access", "ssh-gen", "--hostname", "shop.example"],
            1,
            "the vendor's access service",
        ),
        (
            &["access", "ssh-config", "--short-lived-cert"],
            1,
            "the vendor's access service",
        ),
        (&["access", "curl"], 1, "URL"),
        (&["access", "curl", "https://shop.example/"], 1, "--allow-request"),
    ] {
        let outcome = run(&[], args).await;
        assert_eq!(outcome.code, Some(code), "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains(words), "{args:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_service_tokens_secret_is_not_shown() {
    let variables = [
        ("TUNNEL_SERVICE_TOKEN_ID", "my-id"),
        ("TUNNEL_SERVICE_TOKEN_SECRET", "hush\u{7}hush"),
        ("TUNNEL_SERVICE_HOSTNAME", "127.0.0.1:1"),
    ];
    let outcome = run(&variables, &["access", "tcp", "--log-level", "debug"]).await;
    assert!(
        outcome.code == Some(2) && outcome.stderr.contains("cf-access-client-secret"),
        "{outcome:?}"
    );
    let help = run(&variables, &["access", "tcp", "--help"]).await;
    for text in [&outcome.stderr, &outcome.stdout, &help.stdout, &help.stderr] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn the_lines_for_ssh_are_those_of_the_stock_client() {
    let home = TempDir::new().unwrap();
    let outcome = run_in(
        home.path(),
        &[],
        &["access", "ssh-config", "--hostname", "shop.example"],
    )
    .await;
    let expected = format!(
        "\nAdd to your {}/.ssh/config:\nHost shop.example\n  ProxyCommand {} access ssh --hostname %h\n\n",
        home.path().display(),
        env!("CARGO_BIN_EXE_adit")
    );
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (Some(0), expected.as_str())
    );
}

#[tokio::test]
async fn commands_end_as_those_of_the_stock_client() {
    let Some(stock) = cloudflared::binary() else {
        return skip("commands_end_as_those_of_the_stock_client", cloudflared::ABSENT);
    };
    let home = TempDir::new().unwrap();
    let ours = home.path().join("cloudflared");
    symlink(env!("CARGO_BIN_EXE_adit"), &ours).unwrap();
    let path = |text: String| {
        text.replace(ours.to_str().unwrap(), "X")
            .replace(env!("CARGO_BIN_EXE_adit"), "X")
    };
    for args in [
        &["access", "ssh-config"][..],
        &["access", "ssh-config", "--hostname", "a.example"],
        &["access", "tcp"],
        &["access", "tcp", "--hostname", ""],
        &["access", "tcp", "--hostname", "127.0.0.1:1"],
        &[
            "access",
            "ssh",
            "--hostname",
            "127.0.0.1:1",
            "--loglevel",
            "debug",
        ],
        &["access", "tcp", "--hostname", "h", "--url", "127.0.0.1:99999"],
        &["access", "tcp", "--hostname", "h", "--url", "foo://bar"],
        &["access", "tcp", "--hostname", "h", "--connect-to", "a:b:c:d"],
        &["access", "login"],
        &["access", "login", "127.0.0.1:1"],
        &["access", "token"],
        &["access", "token", "-app", "127.0.0.1:1"],
        &["access", "curl"],
        &["access", "curl", "https://127.0.0.1:1/"],
        &["access", "ssh-gen", "--hostname", "127.0.0.1"],
    ] {
        let [theirs, mine] = [
            called(&stock, home.path(), args).await,
            called(&ours, home.path(), args).await,
        ];
        assert_eq!(mine.code, theirs.code, "{args:?}: {mine:?} {theirs:?}");
        assert_eq!(
            mine.stdout.is_empty(),
            theirs.stdout.is_empty(),
            "{args:?}: {mine:?} {theirs:?}"
        );
        assert_eq!(
            mine.stderr.is_empty(),
            theirs.stderr.is_empty(),
            "{args:?}: {mine:?} {theirs:?}"
        );
        if args.contains(&"ssh-config") {
            let theirs = theirs.stdout.replace(stock.to_str().unwrap(), "X");
            assert_eq!(path(mine.stdout), theirs);
        }
    }
}
