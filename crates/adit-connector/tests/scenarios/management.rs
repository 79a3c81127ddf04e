//! The management service behind a tunnel, on both transports.

use std::sync::{Arc, OnceLock};

use adit_connector::{LogTap, ManagementConfig, Protocol, ProtocolChoice};
use adit_model::TunnelKey;
use adit_testing::scripted::ScriptedEdge;
use adit_testing::within;
use adit_wire::management_token::{
    ManagementActor, ManagementClaims, ManagementKey, ManagementKeys, ManagementResource,
};
use adit_wire::{ConnectAnswer, FlowKind, RequestHead};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::support::{Running, Tunnel, single};

const HOST: &str = "management.adit.localhost";

/// The process's.
fn tap() -> LogTap {
    static TAP: OnceLock<LogTap> = OnceLock::new();
    let begin = || {
        let tap = LogTap::new();
        tracing_subscriber::registry().with(tap.layer()).init();
        tap
    };
    TAP.get_or_init(begin).clone()
}

struct Scene {
    tunnel: Tunnel,
    key: TunnelKey,
    keys: ManagementKeys,
}

impl Scene {
    async fn new(label: Option<&str>) -> Self {
        let edge = ScriptedEdge::start();
        let mut config = single(&edge, "http_status:204", 1);
        config.protocol = ProtocolChoice::Only(Protocol::Quic);
        config.management = Some(ManagementConfig {
            host: HOST.to_owned(),
            diagnostics: true,
            label: label.map(str::to_owned),
            metrics: Arc::new(|| "# counted\n".to_owned()),
            logs: tap(),
        });
        let key = config.token.tunnel;
        let connector = Running::start(config);
        let at = edge.connected(1).await.remove(0);
        Self {
            tunnel: Tunnel { edge, at, connector },
            key,
            keys: ManagementKeys::new(ManagementKey::generate(1).unwrap().0, []),
        }
    }

    fn token(&self, key: TunnelKey, actor: &str) -> String {
        let actor = ManagementActor {
            id: actor.to_owned(),
            support: false,
        };
        let now = std::time::SystemTime::now().into();
        let claims = ManagementClaims::new(key, actor, vec![ManagementResource::Admin], now);
        self.keys.sign(&claims).unwrap()
    }

    async fn ask(&self, method: Method, target: &str) -> (u16, String) {
        let head = head(FlowKind::Http, method, target);
        let mut exchange = self.tunnel.at.open(&head, b"").await;
        let (answer, body) = within("the answer", exchange.head()).await.unwrap();
        let ConnectAnswer::Accepted(answer) = answer else {
            panic!("{answer:?}")
        };
        let mut text = body.to_vec();
        while let Some(chunk) = within("the body", exchange.recv.read_chunk(4096)).await.unwrap() {
            text.extend_from_slice(&chunk);
        }
        (answer.status.as_u16(), String::from_utf8(text).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let token = self.token(self.key, "ada");
        self.ask(Method::GET, &format!("{path}?access_token={token}"))
            .await
    }
}

fn head(kind: FlowKind, method: Method, target: &str) -> RequestHead {
    let mut headers = HeaderMap::new();
    if kind == FlowKind::WebSocket {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    RequestHead {
        kind,
        dest: format!("https://{HOST}{target}"),
        method,
        host: HOST.to_owned(),
        headers,
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}

#[tokio::test]
async fn each_path_answers_those_that_have_a_token() {
    let scene = Scene::new(Some("cellar")).await;
    let missing = "{\"errors\":[{\"code\":1001,\"message\":\"missing access_token query parameter\"}]}\n";
    for target in [
        "/ping",
        "/logs",
        "/host_details?access_token=",
        "/metrics?access_token=a.b.c",
        "/nothing",
    ] {
        assert_eq!(
            scene.ask(Method::GET, target).await,
            (400, missing.to_owned()),
            "{target}"
        );
    }
    let other = TunnelKey {
        tunnel: adit_model::TunnelId::random(),
        ..scene.key
    };
    let foreign = format!("/ping?access_token={}", scene.token(other, "ada"));
    assert_eq!(scene.ask(Method::GET, &foreign).await.0, 400);

    assert_eq!(scene.get("/ping").await, (200, String::new()));
    let (status, details) = scene.get("/host_details").await;
    let details: Value = serde_json::from_str(&details).unwrap();
    let id = scene.tunnel.connector.status.connector_id().to_string();
    let wanted = json!({"connector_id": id, "ip": "127.0.0.1", "hostname": "custom:cellar"});
    assert_eq!((status, details), (200, wanted));
    let (status, metrics) = scene.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.starts_with("# counted\n# HELP process_"), "{metrics}");
    for gone in ["/nothing", "/debug/pprof/heap", "/debug/pprof/cmdline", "/ping/"] {
        assert_eq!(scene.get(gone).await.0, 404, "{gone}");
    }
    assert_eq!(scene.get("/logs").await.0, 426);
    let target = format!("/ping?access_token={}", scene.token(scene.key, "ada"));
    assert_eq!(scene.ask(Method::POST, &target).await.0, 405);
    assert_eq!(scene.ask(Method::HEAD, &target).await, (200, String::new()));
}

#[tokio::test]
async fn log_lines_of_requests_and_connections_come_with_the_stock_fields() {
    let scene = Scene::new(None).await;
    let target = format!("/logs?access_token={}", scene.token(scene.key, "ada"));
    let request = head(FlowKind::WebSocket, Method::GET, &target);
    let mut exchange = scene.tunnel.at.open(&request, b"").await;
    let (answer, _) = within("the answer", exchange.head()).await.unwrap();
    assert!(matches!(answer, ConnectAnswer::Accepted(head) if head.status == 101));
    let io = tokio::io::join(exchange.recv, exchange.send);
    let mut viewer = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    let start = json!({"type": "start_streaming", "filters": {"events": ["http"]}});
    viewer.send(Message::text(start.to_string())).await.unwrap();
    let asking = async {
        loop {
            let mut request = crate::support::head(Method::GET, &[("authorization", "secret")]);
            request.host = "shop.example".to_owned();
            let mut exchange = scene.tunnel.at.open(&request, b"").await;
            exchange.head().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let line = async {
        loop {
            let message = viewer.next().await.unwrap().unwrap();
            if let Message::Text(text) = message {
                break text.to_string();
            }
        }
    };
    let line = tokio::select! {
        () = asking => unreachable!("it goes on"),
        line = within("a line", line) => line,
    };
    assert!(!line.contains("secret"), "{line}");
    let line: Value = serde_json::from_str(&line).unwrap();
    let line = &line["logs"][0];
    assert_eq!(line["event"], "http");
    assert_eq!(line["message"], "GET http://shop.example/path?query=1 HTTP/1.1");
    for (name, value) in [
        ("connIndex", json!(0)),
        ("ingressRule", json!(0)),
        ("originService", json!("http_status:204")),
        ("host", json!("shop.example")),
        ("path", json!("/path")),
    ] {
        assert_eq!(line["fields"][name], value, "{line}");
    }
}
