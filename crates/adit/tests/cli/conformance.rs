//! The mode for the suites of the official SDKs.

use std::net::SocketAddr;

use adit_testing::{client, process::Process};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{binary, run_in};

const TUNNEL: &str =
    "/client/v4/accounts/699d98642c564d2e855e9661899b7252/cfd_tunnel/f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";

struct Conformance {
    process: Process,
    api: SocketAddr,
    home: TempDir,
}

impl Conformance {
    async fn start() -> Self {
        let home = TempDir::new().unwrap();
        let mut command = binary(home.path());
        command.args(["server", "--conformance", "--api-listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(home.path().join("data"));
        let process = Process::spawn("adit server --conformance", command);
        process.line("ready").await;
        let line = process.line("/client/v4").await;
        let (_, address) = line.split_once("http://").unwrap();
        let api = address.split('/').next().unwrap().parse().unwrap();
        Self { process, api, home }
    }

    async fn call(&self, method: Method, path: &str) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("x-auth-email", "user@example.com")
            .header("x-auth-key", "144c9defac04969c7bfad8efaa8ea194")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let (_, mut answer) = client::send(self.api, request).await.unwrap();
        serde_json::from_slice(&answer.read().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn each_reset_brings_back_what_the_suites_expect() {
    let mut conformance = Conformance::start().await;
    let warned = conformance.process.line("WARNING: conformance mode").await;
    assert!(warned.contains("all permissions"), "{warned}");
    for suite in ["zero_trust/tunnels/test_cloudflared.py", ""] {
        let reset = format!("/conformance/reset?suite={suite}");
        assert_eq!(conformance.call(Method::POST, &reset).await["success"], true);
        let found = conformance.call(Method::GET, TUNNEL).await;
        assert_eq!(found["result"]["deleted_at"], Value::Null, "{found}");
        let deleted = conformance.call(Method::DELETE, TUNNEL).await;
        assert!(deleted["result"]["deleted_at"].is_string(), "{deleted}");
    }
    let worlds = std::fs::read_dir(conformance.home.path().join("data/worlds")).unwrap();
    assert_eq!(worlds.count(), 1, "those before are removed");
    assert!(conformance.process.terminate().await.success());
    assert!(!conformance.home.path().join("data/worlds/2").exists());
}

#[tokio::test]
async fn it_is_refused_where_others_could_reach_it_or_lose_something() {
    let home = TempDir::new().unwrap();
    let used = home.path().join("used");
    std::fs::create_dir(&used).unwrap();
    std::fs::write(used.join("adit.lock"), "").unwrap();
    let used = used.to_str().unwrap();
    for (flag, value, dir, code, reason) in [
        ("--api-listen", "0.0.0.0:0", "new", 2, "listens on loopback only"),
        (
            "--store-url",
            "sqlite:mine.db",
            "new",
            2,
            "never that of store.url",
        ),
        (
            "--api-public-url",
            "https://api.example",
            "new",
            2,
            "api.public_url leads elsewhere",
        ),
        (
            "--api-public-url",
            "http://api.localhost:1",
            used,
            1,
            "was not made by conformance mode",
        ),
    ] {
        let listen = ["--api-listen", "127.0.0.1:0"];
        let listen = if flag == listen[0] { &[][..] } else { &listen[..] };
        let args = [
            &["server", "--conformance", flag, value, "--data-dir", dir][..],
            listen,
        ];
        let outcome = run_in(home.path(), &[], &args.concat()).await;
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
        assert!(!home.path().join("new").exists());
    }
}
