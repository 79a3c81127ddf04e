//! Unmodified cloudflared: its management service, and its `tail`.

use adit_testing::{
    client,
    cloudflared::{self, ConnectProxy, Protocol},
    origin::Origin,
    wait_for, within,
};
use adit_wire::management_token::{ManagementActor, ManagementClaims, ManagementResource};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::{
    stage::{MANAGEMENT, MISSING, dial, https, token},
    support::{HOST, stock::StockScene},
};

/// A stock connector that was told the management host; `None` without the binary.
async fn scene(test: &str, protocol: Protocol) -> Option<StockScene> {
    let origin = Origin::start().await;
    let url = origin.url();
    StockScene::with(test, protocol, origin, |options| {
        options.serving(&url).with(&["--management-hostname", MANAGEMENT])
    })
    .await
}

async fn get(scene: &StockScene, path: &str, resource: ManagementResource) -> (u16, String) {
    let token = token(&scene.edge.keys, scene.tunnel.key, resource);
    let request = http::Request::get(format!("https://{MANAGEMENT}{path}?access_token={token}"));
    let request = request
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let (head, mut body) = client::send_http2(https(&scene.edge), &scene.anchors, request)
        .await
        .unwrap();
    let body = within("the body", body.read()).await.unwrap();
    (
        head.status().as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

struct Viewer(WebSocketStream<TlsStream<TcpStream>>);

impl Viewer {
    async fn open(scene: &StockScene, actor: &str) -> Self {
        let actor = ManagementActor {
            id: actor.to_owned(),
            support: false,
        };
        let now = std::time::SystemTime::now().into();
        let claims = ManagementClaims::new(scene.tunnel.key, actor, vec![ManagementResource::Logs], now);
        let token = scene.edge.keys.sign(&claims).unwrap();
        let stream = dial(https(&scene.edge), &scene.anchors, Some(MANAGEMENT)).await;
        let url = format!("wss://{MANAGEMENT}/logs?access_token={token}");
        let (socket, _) = within("the stream", Box::pin(client_async(url, stream)))
            .await
            .unwrap();
        Self(socket)
    }

    /// Asks for log lines; they flow when the connector has logged that it streams.
    async fn start(&mut self, filters: Value) {
        let start = json!({"type": "start_streaming", "filters": filters});
        self.0.send(Message::text(start.to_string())).await.unwrap();
    }

    /// The next message; or else how it was closed.
    async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match within("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next log line, once requests go through the tunnel that make it write some.
    async fn line(&mut self, scene: &StockScene) -> Value {
        let listener = scene.edge.http();
        let asking = async {
            loop {
                client::get(listener, HOST, "/").await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = asking => unreachable!("it goes on"),
            message = self.next() => {
                let message = message.unwrap();
                assert_eq!(message["type"], "logs");
                message["logs"][0].clone()
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_path_answers_as_the_token_allows() {
    for protocol in Protocol::ALL {
        let Some(scene) = scene("each_path_answers_as_the_token_allows", protocol).await else {
            return;
        };
        assert_eq!(
            get(&scene, "/ping", ManagementResource::Logs).await,
            (200, String::new())
        );
        let (status, details) = get(&scene, "/host_details", ManagementResource::HostDetails).await;
        let details: Value = serde_json::from_str(&details).unwrap();
        assert_eq!(status, 200);
        assert!(
            details["connector_id"].is_string() && details["hostname"].is_string(),
            "{details}"
        );
        let (status, metrics) = get(&scene, "/metrics", ManagementResource::Admin).await;
        assert_eq!(status, 200);
        assert!(metrics.contains("cloudflared_tunnel_ha_connections"), "{metrics}");
        assert_eq!(get(&scene, "/metrics", ManagementResource::Logs).await.0, 403);
        assert_eq!(
            get(&scene, "/debug/pprof/heap", ManagementResource::Admin)
                .await
                .0,
            200
        );
        assert_eq!(
            get(&scene, "/debug/pprof/cmdline", ManagementResource::Admin)
                .await
                .0,
            404
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_flow_and_leave_their_level_out_where_it_is_debug() {
    let test = "log_lines_flow_and_leave_their_level_out_where_it_is_debug";
    for protocol in Protocol::ALL {
        let Some(scene) = scene(test, protocol).await else {
            return;
        };
        let mut viewer = Viewer::open(&scene, "ada").await;
        viewer
            .start(json!({"events": ["http"], "level": "debug", "sampling": 1.0}))
            .await;
        let line = viewer.line(&scene).await;
        assert_eq!(
            (&line["level"], &line["event"]),
            (&Value::Null, &json!("http")),
            "{line}"
        );
        assert!(line["time"].is_string() && line["message"].is_string(), "{line}");
        viewer.0.close(None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_actor_is_turned_away_and_the_same_one_takes_over() {
    let test = "another_actor_is_turned_away_and_the_same_one_takes_over";
    for protocol in Protocol::ALL {
        let Some(scene) = scene(test, protocol).await else {
            return;
        };
        let mut first = Viewer::open(&scene, "ada").await;
        first.start(json!({})).await;
        first.line(&scene).await;

        let mut second = Viewer::open(&scene, "grace").await;
        second.start(json!({})).await;
        let closed = second.next().await.unwrap_err().unwrap();
        assert_eq!(u16::from(closed.code), 4002, "{closed:?}");

        let mut again = Viewer::open(&scene, "ada").await;
        again.start(json!({})).await;
        again.line(&scene).await;
        // What was on its way when it was replaced may still come.
        while first.next().await.is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_told_by_its_code() {
    let Some(scene) = scene("what_is_no_message_is_told_by_its_code", Protocol::Quic).await else {
        return;
    };
    let mut viewer = Viewer::open(&scene, "ada").await;
    viewer.0.send(Message::text("no message")).await.unwrap();
    let closed = viewer.next().await.unwrap_err().unwrap();
    assert_eq!(u16::from(closed.code), 1003, "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_was_told_no_name_gets_no_token() {
    for protocol in Protocol::ALL {
        let Some(scene) = StockScene::new("a_connector_that_was_told_no_name_gets_no_token", protocol).await
        else {
            return;
        };
        let (status, body) = get(&scene, "/logs", ManagementResource::Logs).await;
        assert_eq!(
            (status, adit_wire::management::refusal_code(body.as_bytes())),
            (530, Some(1034))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reaches_the_service_by_a_public_name() {
    for protocol in Protocol::ALL {
        let Some(scene) = scene("nobody_reaches_the_service_by_a_public_name", protocol).await else {
            return;
        };
        for pattern in ["*.adit.localhost", MANAGEMENT, "*.management.adit.localhost"] {
            let key = scene.tunnel.key;
            let change = adit_core::port::Change::Host(pattern.parse().unwrap(), Some(key.into()));
            scene.edge.change(change);
        }
        let below = format!("x.{MANAGEMENT}");
        wait_for("the routes", async || {
            client::get(scene.edge.http(), &below, "/").await.unwrap().status != 404
        })
        .await;
        for host in [
            MANAGEMENT,
            "management.adit.localhost.",
            "MANAGEMENT.adit.localhost:80",
            "management.adit.localhost:7844",
            &below,
            HOST,
        ] {
            for path in ["/ping", "/logs", "/host_details", "/metrics"] {
                let answer = client::get(scene.edge.http(), host, path).await.unwrap();
                assert!(
                    !answer.text().contains("access_token"),
                    "{host} {path}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_prints_the_lines_of_a_connector() {
    for protocol in Protocol::ALL {
        let Some(scene) = scene("tail_prints_the_lines_of_a_connector", protocol).await else {
            return;
        };
        let proxy = ConnectProxy::to(https(&scene.edge)).await;
        let binary = cloudflared::binary().unwrap();
        let token = token(&scene.edge.keys, scene.tunnel.key, ManagementResource::Logs);
        let (id, host) = (scene.tunnel.key.tunnel.to_string(), format!("{MANAGEMENT}:8443"));
        let tail = |flags: &[&str]| {
            let flags = [flags, &[&id]].concat();
            cloudflared::tail(&binary, &host, &token, &flags, proxy.addr(), &scene.edge.ca)
        };
        let running = tail(&["--event", "http"]);
        wait_for("a line", async || {
            client::get(scene.edge.http(), HOST, "/tailed").await.unwrap();
            running
                .process
                .lines()
                .iter()
                .any(|line| line.contains("debug http"))
        })
        .await;
        drop(running);
        let json = tail(&["--output", "json", "--event", "http"]);
        wait_for("a line of JSON", async || {
            client::get(scene.edge.http(), HOST, "/tailed").await.unwrap();
            let lines = json.process.lines();
            lines
                .iter()
                .any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["message"].is_string()))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_says_that_there_is_no_connector() {
    let Some(mut scene) = scene("tail_says_that_there_is_no_connector", Protocol::Quic).await else {
        return;
    };
    scene.connector.process.kill().await;
    wait_for("no connector", async || {
        get(&scene, "/ping", ManagementResource::Logs).await.0 == 530
    })
    .await;
    let proxy = ConnectProxy::to(https(&scene.edge)).await;
    let binary = cloudflared::binary().unwrap();
    let token = token(&scene.edge.keys, scene.tunnel.key, ManagementResource::Logs);
    let id = scene.tunnel.key.tunnel.to_string();
    let tail = cloudflared::tail(&binary, MANAGEMENT, &token, &[&id], proxy.addr(), &scene.edge.ca);
    tail.process.line("no cloudflared connector available").await;
}

#[test]
fn a_missing_token_is_refused_in_the_same_words_by_edge_and_connector() {
    assert_eq!(adit_wire::management::ManagementRefusal::NoToken.body(), MISSING);
}
