//! `adit tail` and `adit management token`, beside those of the stock client.

use std::path::Path;

use adit_net::tls::TrustAnchors;
use adit_testing::{
    client,
    cloudflared::{self, Cloudflared, ConnectProxy, Options, Protocol},
    origin::Origin,
    process::Process,
    scripted::{AnswerBody, AskedBody, ScriptedConnector},
    skip, wait_for_some,
};
use adit_wire::{TunnelToken, management_token::ManagementResource};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    local_http::{ours, shop},
    recording_api::{BLOG, RecordingApi, ok},
    support::{Adit, Outcome, binary, run},
};

const MISSING: &str = r#"{"errors":[{"code":1001,"message":"missing access_token query parameter"}]}"#;

/// An Adit and a connector of the tunnel `shop` that plays a management service.
struct Stage {
    adit: Adit,
    connector: ScriptedConnector,
}

impl Stage {
    async fn new() -> Self {
        let adit = Adit::start(&["--no-demo"]).await;
        let made = adit.command(&["tunnel", "create", "shop"]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        let token = adit.command(&["tunnel", "token", "shop"]).await.stdout;
        let token = TunnelToken::parse(&token).unwrap();
        let anchors = TrustAnchors::from_pem(&std::fs::read(adit.dir().join("ca.pem")).unwrap()).unwrap();
        let edge = adit.listener("edge");
        let registered =
            ScriptedConnector::registered(edge, &anchors, Protocol::Quic, &token.tunnel, &token.secret);
        let connector = registered.await;
        Self { adit, connector }
    }

    /// Starts `adit tail`, in the environment that `adit env` gives.
    async fn tail(&self, args: &[&str]) -> Process {
        let mut command = binary(self.adit.home.path());
        command.envs(self.adit.variables().await).arg("tail").args(args);
        Process::spawn("adit tail", command)
    }

    /// Answers the edge's question.
    async fn is_recognised(&mut self) {
        self.connector.next().await.say(400, MISSING).await;
    }

    /// Takes the stream, and reads the message that starts it.
    async fn streams(&mut self) -> (AskedBody, AnswerBody, Value) {
        let asked = self.connector.next().await;
        assert_eq!(asked.head.host, "management.adit.localhost");
        let key = asked.head.headers["sec-websocket-key"].as_bytes();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", &derive_accept_key(key)),
        ] {
            let name = HeaderName::from_static(name);
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let (mut told, lines) = asked.answer(101, headers).await;
        let start = told.chunk().await.unwrap().unwrap();
        (told, lines, serde_json::from_slice(&unmasked(&start)).unwrap())
    }
}

/// The text of a short frame of a client: RFC 6455, section 5.2.
fn unmasked(frame: &[u8]) -> Vec<u8> {
    let (length, rest) = match frame[1] & 0x7f {
        126 => (usize::from(u16::from_be_bytes([frame[2], frame[3]])), &frame[4..]),
        short => (usize::from(short), &frame[2..]),
    };
    let (mask, text) = rest.split_at(4);
    let unmask = |(at, byte): (usize, &u8)| byte ^ mask[at % 4];
    text[..length].iter().enumerate().map(unmask).collect()
}

/// A short frame of a server.
fn frame(opcode: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    assert!(length < 126);
    [&[0x80 | opcode, length], bytes].concat()
}

#[tokio::test]
async fn tail_prints_what_a_connector_says_until_a_signal() {
    let mut stage = Stage::new().await;
    let mut tail = stage
        .tail(&["--event", "http", "--level", "info", "--sample", "0.5", "shop"])
        .await;
    stage.is_recognised().await;
    let (_told, mut lines, start) = stage.streams().await;
    let wanted = r#"{"type":"start_streaming","filters":{"events":["http"],"level":"info","sampling":0.5}}"#;
    assert_eq!(start.to_string(), wanted);
    let line = r#"{"type":"logs","logs":[{"time":"t","level":"warn","message":"m","event":"http"}]}"#;
    lines.write(frame(1, line.as_bytes())).await.unwrap();
    tail.line("t warn http m null").await;
    lines
        .write(frame(
            1,
            br#"{"type":"logs","logs":[{"time":"t","message":"bare"}]}"#,
        ))
        .await
        .unwrap();
    tail.line("t debug cloudflared bare null").await;
    assert!(tail.terminate().await.success());
}

#[tokio::test]
async fn tail_says_who_ended_the_stream_and_why() {
    let mut stage = Stage::new().await;
    let mut tail = stage.tail(&["shop"]).await;
    stage.is_recognised().await;
    let (_told, mut lines, _) = stage.streams().await;
    let reason = [&4002_u16.to_be_bytes()[..], b"limit exceeded"].concat();
    lines.write(frame(8, &reason)).await.unwrap();
    lines.finish();
    tail.line("limit exceeded (code 4002)").await;
    assert_eq!(tail.ended().await.code(), Some(1));

    // Nobody is asked a second time whether they know the name, and a normal end is no failure.
    let mut tail = stage.tail(&["--output", "json", "shop"]).await;
    let (_told, mut lines, _) = stage.streams().await;
    lines
        .write(frame(
            1,
            br#"{"type":"logs","logs":[{"time":"t","message":"bare"}]}"#,
        ))
        .await
        .unwrap();
    tail.line(r#"{"time":"t","message":"bare"}"#).await;
    lines.write(frame(8, &1000_u16.to_be_bytes())).await.unwrap();
    lines.finish();
    assert!(tail.ended().await.success());
}

#[tokio::test]
async fn tail_says_what_to_do_without_a_connector_or_without_its_consent() {
    let mut stage = Stage::new().await;
    let asking = stage.tail(&["shop"]).await;
    let shop = stage.connector.next().await;
    let _answer = shop.answer(200, HeaderMap::new()).await;
    asking.line("TUNNEL_MANAGEMENT_HOSTNAME").await;
    let other = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
    let mut none = stage.tail(&["--connector-id", other, "shop"]).await;
    none.line("code 1033").await;
    none.line("tunnel info").await;
    assert_eq!(none.ended().await.code(), Some(1));
    let mut bad = stage.tail(&["--token", "nonsense", "shop"]).await;
    bad.line("code 1001").await;
    assert_eq!(bad.ended().await.code(), Some(1));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    for args in [
        &["tail"][..],
        &["tail", "--level", "fatal", "x"],
        &["tail", "--event", "dns", "x"],
        &["tail", "--sample", "2", "x"],
        &["tail", "--output", "yaml", "x"],
        &["tail", "--connector-id", "x", "x"],
        &["tail", "--management-hostname", "a/b", "x"],
        &["management", "token", "x"],
        &["management", "token", "--resource", "bad", "x"],
    ] {
        let outcome = run(&[("TUNNEL_MANAGEMENT_HOSTNAME", "management.example")], args).await;
        assert_eq!(outcome.code, Some(2), "{args:?} {outcome:?}");
    }
}

#[tokio::test]
async fn a_token_is_printed_as_json_and_asked_for_by_its_resource() {
    fn answers(_: &str, target: &str) -> (u16, Value) {
        ok(Value::from(format!("token of {target}")))
    }
    let api = RecordingApi::start(answers).await;
    for resource in ManagementResource::ALL {
        let path = format!("/cfd_tunnel/{BLOG}/management/{resource}");
        let Outcome { stdout, .. } = api
            .run(&["management", "token", "--resource", resource.as_str(), BLOG])
            .await;
        assert_eq!(stdout, format!("{{\"token\":\"token of {path}\"}}\n"));
        assert_eq!(api.asked().await, [format!("POST {path}")]);
    }
    let outcome = api.run(&["tail", "token", BLOG]).await;
    assert!(outcome.stdout.contains("/management/logs"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_tails_print_the_same_of_a_stock_connector() {
    let Some(stock) = cloudflared::binary() else {
        return skip(
            "both_tails_print_the_same_of_a_stock_connector",
            cloudflared::ABSENT,
        );
    };
    both_tails_print_the_same_of(&stock, &stock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_tails_print_the_same_of_our_connector() {
    let Some(stock) = cloudflared::binary() else {
        return skip("both_tails_print_the_same_of_our_connector", cloudflared::ABSENT);
    };
    let home = tempfile::TempDir::new().unwrap();
    both_tails_print_the_same_of(&ours(&home), &stock).await;
}

/// On both transports.
async fn both_tails_print_the_same_of(connector: &Path, stock: &Path) {
    let (adit, token) = shop().await;
    let origin = Origin::start().await;
    let ca = adit.dir().join("ca.pem");
    for protocol in Protocol::ALL {
        let options = Options::new(connector, adit.listener("edge"), &ca, &token)
            .over(protocol)
            .with(&["--management-hostname", "management.adit.localhost"])
            .serving(&origin.url());
        let _connector = Cloudflared::start_ready(&options, 4).await;
        let proxy = ConnectProxy::to(adit.listener("https")).await;
        let host = "management.adit.localhost";
        let printed = async |process: &Process, path: &str| {
            // Over HTTP/2 a connector names the origin instead of the host.
            let wanted = format!("{path} HTTP/");
            let line = wait_for_some("a line", async || {
                client::get(adit.listener("http"), "shop.adit.localhost", path)
                    .await
                    .unwrap();
                process.lines().into_iter().find(|line| line.contains(&wanted))
            })
            .await;
            // Time, request and connection differ.
            let fields = line.split_once(" {").unwrap().1.to_owned();
            let fields: Value = serde_json::from_str(&format!("{{{fields}")).unwrap();
            let names: Vec<String> = fields.as_object().unwrap().keys().cloned().collect();
            (line.split_once(" {").unwrap().0[20..].to_owned(), names)
        };
        let mut command = binary(adit.home.path());
        command
            .envs(adit.variables().await)
            .args(["tail", "--event", "http", "shop"]);
        let mut ours = Process::spawn("adit tail", command);
        let our_line = printed(&ours, "/same?a=b&c").await;
        assert!(ours.terminate().await.success());

        let made = adit
            .command(&["management", "token", "--resource", "logs", "shop"])
            .await;
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        let management = made["token"].as_str().unwrap();
        // The connector may learn a moment later that the first stream has ended.
        let their_line = wait_for_some("their tail", async || {
            let flags = ["--event", "http", "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"];
            let theirs = cloudflared::tail(stock, host, management, &flags, proxy.addr(), &ca);
            let line = printed(&theirs.process, "/same?a=b&c");
            tokio::time::timeout(std::time::Duration::from_secs(5), line)
                .await
                .ok()
        })
        .await;
        assert_eq!(our_line, their_line, "{protocol}");
    }
}
