//! `adit tunnel run` against `adit up`.

use std::net::SocketAddr;

use adit_testing::{client, origin::Origin, process::Process, wait_for};
use adit_wire::{CredentialsFile, TunnelToken};

use crate::support::{Adit, binary, run_in};

/// Our connector for a tunnel that it makes and routes.
pub(crate) struct Connector {
    pub(crate) process: Process,
    metrics: SocketAddr,
}

impl Connector {
    /// Makes the tunnel, routes `<name>.adit.localhost` to it, and starts its connector.
    pub(crate) async fn start(adit: &Adit, name: &str, origin: &str) -> Self {
        for args in [
            vec!["tunnel", "create", name],
            vec!["tunnel", "route", "dns", name, name],
        ] {
            let outcome = adit.command(&args).await;
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
        }
        let token = adit.command(&["tunnel", "token", name]).await.stdout;
        Self::run(adit, &[("TUNNEL_TOKEN", token.trim())], &["run", "--url", origin]).await
    }

    /// Starts it with the variables of `adit env` and these.
    pub(crate) async fn run(adit: &Adit, variables: &[(&str, &str)], args: &[&str]) -> Self {
        let mut command = binary(adit.home.path());
        command
            .envs(adit.variables().await)
            .envs(variables.iter().copied())
            .args(["tunnel", "--metrics", "localhost:0", "--grace-period", "2s"])
            .args(args);
        let process = Process::spawn("adit tunnel run", command);
        let line = process.line("metrics server on ").await;
        let address = line.split("metrics server on ").nth(1).unwrap();
        let metrics = address.strip_suffix("/metrics").unwrap().parse().unwrap();
        Self { process, metrics }
    }

    /// Waits until it has at least so many connections.
    pub(crate) async fn ready(&self, connections: u64) {
        wait_for("connections of our connector", async || {
            let answer = client::get(self.metrics, "localhost", "/ready").await;
            answer.is_ok_and(|answer| answer.json()["readyConnections"].as_u64() >= Some(connections))
        })
        .await;
    }
}

#[tokio::test]
async fn our_connector_serves_an_origin_over_four_connections() {
    let adit = Adit::start(&["--no-demo"]).await;
    let origin = Origin::start().await;
    let mut connector = Connector::start(&adit, "shop", &origin.url()).await;
    connector.ready(4).await;
    let answer = client::get(adit.listener("http"), "shop.adit.localhost", "/")
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let metrics = client::get(connector.metrics, "localhost", "/metrics")
        .await
        .unwrap();
    assert!(
        metrics.text().contains("cloudflared_tunnel_total_requests 1"),
        "{}",
        metrics.text()
    );
    let metrics = connector.metrics.to_string();
    let probe = ["tunnel", "--metrics", metrics.as_str(), "ready"];
    assert_eq!(adit.command(&probe).await.code, Some(0));
    assert!(connector.process.terminate().await.success());
    assert_eq!(adit.command(&probe).await.code, Some(1));
}

#[tokio::test]
async fn every_way_to_name_the_tunnel_works() {
    let adit = Adit::start(&["--no-demo"]).await;
    Connector::start(&adit, "shop", "http://127.0.0.1:1")
        .await
        .process
        .kill()
        .await;
    let token = adit.command(&["tunnel", "token", "shop"]).await.stdout;
    let id = TunnelToken::parse(&token).unwrap().tunnel.tunnel.to_string();
    let token_file = adit.home.path().join("token");
    std::fs::write(&token_file, &token).unwrap();
    let token_file = token_file.display().to_string();
    let credentials_file = adit.dir().join(format!("{id}.json")).display().to_string();
    let contents = CredentialsFile::from(TunnelToken::parse(&token).unwrap()).encode();

    for (variables, args) in [
        (vec![], vec!["run", "--hello-world", "--token", token.trim()]),
        (vec![], vec!["--hello-world", "run", "--token-file", &token_file]),
        (
            vec![("TUNNEL_CRED_CONTENTS", contents.as_str())],
            vec!["run", "-hello-world"],
        ),
        (
            vec![],
            vec!["--credentials-file", &credentials_file, "run", "--hello-world"],
        ),
        (vec![], vec!["run", "--hello-world", "shop"]),
        (vec![("TUNNEL_HELLO_WORLD", "true")], vec!["run", &id]),
    ] {
        let connector = Connector::run(&adit, &variables, &args).await;
        connector.ready(1).await;
        wait_for("the built-in page", async || {
            let answer = client::get(adit.listener("http"), "shop.adit.localhost", "/").await;
            answer.is_ok_and(|answer| answer.status == 200)
        })
        .await;
    }
}

#[tokio::test]
async fn a_deleted_tunnel_stops_the_connector_with_the_reason() {
    let adit = Adit::start(&["--no-demo"]).await;
    let mut connector = Connector::start(&adit, "shop", "http://127.0.0.1:1").await;
    connector.ready(1).await;
    let outcome = adit.command(&["tunnel", "delete", "-f", "shop"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(connector.process.ended().await.code(), Some(1));
    let lines = connector.process.lines();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("error: the edge refused the tunnel")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn the_pid_file_is_written_once_connected() {
    let adit = Adit::start(&["--no-demo"]).await;
    Connector::start(&adit, "shop", "http://127.0.0.1:1")
        .await
        .process
        .kill()
        .await;
    let path = adit.home.path().join("pid");
    let args = [
        "--pidfile",
        path.to_str().unwrap(),
        "run",
        "--hello-world",
        "shop",
    ];
    let connector = Connector::run(&adit, &[], &args).await;
    let pid = connector.process.id().to_string();
    wait_for("the pid file", async || {
        std::fs::read_to_string(&path).is_ok_and(|text| text == pid)
    })
    .await;
}

#[tokio::test]
async fn an_unusable_ca_is_named_before_the_first_dial() {
    let adit = Adit::start(&["--no-demo"]).await;
    let edge = adit.listener("edge").to_string();
    let args = [
        "tunnel",
        "--edge",
        &edge,
        "--cacert",
        "/nowhere/ca.pem",
        "run",
        "--token",
        "x",
    ];
    let outcome = run_in(adit.home.path(), &[], &args).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("/nowhere/ca.pem"), "{outcome:?}");
}

#[tokio::test]
async fn a_line_on_stdin_breaks_one_connection_which_comes_back() {
    let adit = Adit::start(&["--no-demo"]).await;
    let outcome = adit.command(&["tunnel", "create", "shop"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let commands = adit.home.path().join("commands");
    std::fs::write(&commands, "help\nreconnect 50ms\n").unwrap();
    let program = binary(adit.home.path()).as_std().get_program().to_owned();
    // The harness gives its processes no input.
    let mut command = tokio::process::Command::new("sh");
    command
        .env_clear()
        .envs(adit.variables().await)
        .env("HOME", adit.home.path())
        .args(["-c", "exec \"$0\" \"$@\" < \"$HOME/commands\""])
        .arg(program)
        .args(["tunnel", "--metrics", "localhost:0", "--ha-connections", "2"])
        .args(["--stdin-control", "run", "--hello-world", "shop"]);
    let process = Process::spawn("adit tunnel run", command);
    process.line("Reconnecting in 50.0ms").await;
    wait_for("a third registration", async || {
        let lines = process.lines();
        let registered = lines
            .iter()
            .filter(|line| line.contains("Registered tunnel connection"));
        registered.count() == 3
    })
    .await;
}
