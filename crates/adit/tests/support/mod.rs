//! The whole binary as processes of their own, each server with a data directory of its own.
#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use adit_testing::{
    client::{self, Answer},
    cloudflared::{Cloudflared, Options, Protocol},
    process::{Process, clean},
    wait_for_some, wait_within,
};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ADIT: &str = env!("CARGO_BIN_EXE_adit");
pub(crate) const DOMAIN: &str = "adit.localhost";
pub(crate) const TOKEN: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";
const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";

/// `adit up` or `adit server` with ports of its own.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) data: PathBuf,
    run: Value,
    /// The command and its flags besides data directory and ports.
    words: Vec<String>,
    _dir: TempDir,
}

/// A tunnel made over the API.
pub(crate) struct Tunnel {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) host: String,
}

impl Server {
    /// Starts it and waits for `ready`.
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--no-demo"]).await
    }

    pub(crate) async fn start_with(extra: &[&str]) -> Self {
        Self::start_in(TempDir::new().unwrap(), &[&["up"], extra].concat()).await
    }

    /// Starts it with the data directory `data` in `dir`, new or not.
    pub(crate) async fn start_in(dir: TempDir, words: &[&str]) -> Self {
        let data = dir.path().join("data");
        let any = "127.0.0.1:0".parse().unwrap();
        let words: Vec<String> = words.iter().copied().map(str::to_owned).collect();
        let process = spawn(&data, [any; 6], &words);
        process.line("ready").await;
        let run = serde_json::from_slice(&std::fs::read(data.join("run.json")).unwrap()).unwrap();
        Self {
            process,
            data,
            run,
            words,
            _dir: dir,
        }
    }

    /// Kills it with SIGKILL, leaves it away for a while, and starts it on the same ports and data.
    pub(crate) async fn kill_and_return_after(&mut self, away: Duration) {
        self.process.kill().await;
        // What is measured is how the others take an absence of this length.
        tokio::time::sleep(away).await;
        self.start_again().await;
    }

    /// Starts it, which has ended, on the same ports and data.
    pub(crate) async fn start_again(&mut self) {
        let ports = ["api", "edge", "http", "https", "metrics", "mesh"].map(|name| self.listener(name));
        self.process = spawn(&self.data, ports, &self.words);
        self.process.line("ready").await;
    }

    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.run["listeners"][name].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn run_file(&self) -> &Value {
        &self.run
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.data.join("ca.pem")
    }

    /// Asks for a path of a public host.
    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        client::get(self.listener("http"), host, path).await.unwrap()
    }

    pub(crate) async fn status(&self, host: &str) -> u16 {
        match client::get(self.listener("http"), host, "/").await {
            Ok(answer) => answer.status.as_u16(),
            Err(_) => 0,
        }
    }

    /// Calls the API; `path` begins after `/accounts/{id}` or, with `/zones`, at the base.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Value) -> Value {
        let path = if path.starts_with("/zones") {
            path.to_owned()
        } else {
            format!("/accounts/{ACCOUNT}{path}")
        };
        self.whole_api(method, &path, body).await
    }

    /// Calls the API; `path` begins at the base.
    pub(crate) async fn whole_api(&self, method: &str, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/client/v4{path}"))
            .header("host", "localhost")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let (_, mut answer) = client::send(self.listener("api"), request).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
        assert_eq!(answer["success"], true, "{method} {path}: {answer}");
        answer["result"].clone()
    }

    /// A quick tunnel without a connector.
    pub(crate) async fn quick_tunnel(&self) -> Value {
        let request = Request::post("/tunnel")
            .header("host", "localhost")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let (_, mut answer) = client::send(self.listener("api"), request).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
        assert_eq!(answer["success"], true, "{answer}");
        answer["result"].clone()
    }

    /// Leads `<name>.adit.localhost` to a tunnel, too.
    pub(crate) async fn route(&self, tunnel: &Tunnel, name: &str) -> String {
        let zone = self.api("GET", "/zones", json!({})).await;
        let zone = zone[0]["id"].as_str().unwrap().to_owned();
        let host = format!("{name}.{DOMAIN}");
        let route = json!({ "type": "dns", "user_hostname": &host });
        self.api(
            "PUT",
            &format!("/zones/{zone}/tunnels/{}/routes", tunnel.id),
            route,
        )
        .await;
        host
    }

    /// A tunnel that serves `<name>.adit.localhost`.
    pub(crate) async fn tunnel(&self, name: &str) -> Tunnel {
        let made = self.api("POST", "/cfd_tunnel", json!({ "name": name })).await;
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        let zone = self.api("GET", "/zones", json!({})).await[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let host = format!("{name}.{DOMAIN}");
        let (id, route) = (text("id"), json!({ "type": "dns", "user_hostname": &host }));
        self.api("PUT", &format!("/zones/{zone}/tunnels/{id}/routes"), route)
            .await;
        Tunnel {
            id,
            token: text("token"),
            host,
        }
    }

    /// Our own connector, with four connections.
    pub(crate) async fn connect(&self, tunnel: &Tunnel, origin: &str) -> Connector {
        let connector = Connector::start(self, &tunnel.token, origin).await;
        self.connected(tunnel, 4).await;
        connector
    }

    /// The stock connector, with four connections.
    pub(crate) async fn connect_stock(
        &self,
        binary: &Path,
        protocol: Protocol,
        tunnel: &Tunnel,
        origin: &str,
    ) -> Cloudflared {
        self.connect_stock_beside(binary, protocol, tunnel, origin, 4)
            .await
    }

    /// The same beside others, until the tunnel has so many connections.
    pub(crate) async fn connect_stock_beside(
        &self,
        binary: &Path,
        protocol: Protocol,
        tunnel: &Tunnel,
        origin: &str,
        connections: usize,
    ) -> Cloudflared {
        let options = Options::new(binary, self.listener("edge"), &self.ca(), &tunnel.token);
        let connector = Cloudflared::start_ready(&options.over(protocol).serving(origin), 4).await;
        self.connected(tunnel, connections).await;
        connector
    }

    /// Waits until the API shows so many live connections.
    pub(crate) async fn connected(&self, tunnel: &Tunnel, connections: usize) {
        let what = format!("{connections} connections in the API");
        wait_within(Duration::from_secs(120), &what, async || {
            let clients = self
                .api(
                    "GET",
                    &format!("/cfd_tunnel/{}/connections", tunnel.id),
                    json!({}),
                )
                .await;
            let clients = clients.as_array().cloned().unwrap_or_default();
            clients
                .iter()
                .filter_map(|client| client["conns"].as_array())
                .map(Vec::len)
                .sum::<usize>()
                == connections
        })
        .await;
    }

    /// How long it takes until the host answers with that status.
    pub(crate) async fn answers(&self, host: &str, status: u16, limit: Duration) -> Duration {
        let begun = Instant::now();
        wait_within(limit, &format!("a {status}"), async || {
            self.status(host).await == status
        })
        .await;
        begun.elapsed()
    }
}

fn spawn(data: &Path, [api, edge, http, https, metrics, mesh]: [SocketAddr; 6], words: &[String]) -> Process {
    let mut command = clean(ADIT);
    command.args(words).arg("--data-dir").arg(data);
    for (flag, address) in [
        ("--api-listen", api),
        ("--edge-listen", edge),
        ("--http-listen", http),
        ("--https-listen", https),
        ("--metrics-listen", metrics),
        ("--mesh-listen", mesh),
    ] {
        command.arg(flag).arg(address.to_string());
    }
    command
        .env("ADIT_BOOTSTRAP_API_TOKEN", TOKEN)
        .env("ADIT_BOOTSTRAP_ACCOUNT_ID", ACCOUNT);
    Process::spawn("adit", command)
}

/// `adit tunnel run`.
pub(crate) struct Connector {
    pub(crate) process: Process,
    metrics: SocketAddr,
}

impl Connector {
    pub(crate) async fn start(server: &Server, token: &str, origin: &str) -> Self {
        Self::start_over(server, token, origin, "auto").await
    }

    pub(crate) async fn start_over(server: &Server, token: &str, origin: &str, protocol: &str) -> Self {
        let mut command = clean(ADIT);
        command
            .args([
                "tunnel",
                "--metrics",
                "127.0.0.1:0",
                "--grace-period",
                "2s",
                "run",
                "--url",
                origin,
            ])
            .env("TUNNEL_EDGE", server.listener("edge").to_string())
            .env("TUNNEL_CACERT", server.ca())
            .env("TUNNEL_TRANSPORT_PROTOCOL", protocol)
            .env("TUNNEL_TOKEN", token);
        let process = Process::spawn("adit tunnel run", command);
        let line = process.line("metrics").await;
        let metrics = line
            .split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
            .find_map(|word| word.parse::<SocketAddr>().ok())
            .unwrap();
        Self { process, metrics }
    }

    /// What `/ready` says.
    pub(crate) async fn ready(&self) -> Value {
        wait_for_some("/ready", async || {
            client::get(self.metrics, "localhost", "/ready").await.ok()
        })
        .await
        .json()
    }
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
