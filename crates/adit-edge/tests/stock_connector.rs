//! Unmodified cloudflared behind this edge, on both transports.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use adit_core::port::{CloseReason, PresenceEvent};
use adit_testing::{
    client::{get, send},
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    skip, wait_for, wait_within,
};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use support::{TestEdge, TestTunnel};

const HOST: &str = "shop.adit.localhost";

struct Scene {
    edge: TestEdge,
    tunnel: TestTunnel,
    origin: Origin,
    connector: Cloudflared,
}

/// An edge, a tunnel, an origin and a stock connector with four connections; `None` without the binary.
async fn scene(test: &str, protocol: Protocol) -> Option<Scene> {
    let Some(binary) = cloudflared::binary() else {
        skip(test, cloudflared::ABSENT);
        return None;
    };
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    let origin = Origin::start().await;
    let options = Options::new(&binary, edge.edge.addresses().connectors, &edge.ca, &tunnel.token)
        .over(protocol)
        .serving(&origin.url());
    let connector = Cloudflared::start_ready(&options, 4).await;
    Some(Scene {
        edge,
        tunnel,
        origin,
        connector,
    })
}

macro_rules! on_both_transports {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_quic() {
                let name = concat!(stringify!($name), "::over_quic");
                if let Some(scene) = super::scene(name, super::Protocol::Quic).await {
                    super::scenes::$name(scene).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_http2() {
                let name = concat!(stringify!($name), "::over_http2");
                if let Some(scene) = super::scene(name, super::Protocol::Http2).await {
                    super::scenes::$name(scene).await;
                }
            }
        }
    )*};
}

on_both_transports!(
    requests_and_bodies_of_every_kind_arrive_whole,
    an_answer_flows_while_the_origin_still_writes,
    a_client_that_leaves_cancels_the_origins_work,
    an_origin_that_breaks_off_breaks_the_answer,
    a_websocket_carries_bytes_both_ways,
    an_origin_that_is_down_is_a_502,
    a_deleted_tunnel_loses_its_connections_and_takes_none,
    a_connector_that_is_killed_leaves_a_530,
    a_connector_that_says_goodbye_finishes_its_requests,
);

mod scenes {
    use super::*;

    pub(super) async fn requests_and_bodies_of_every_kind_arrive_whole(scene: Scene) {
        let http = scene.edge.http();
        let echo = get(http, HOST, "/a/%2Fb?c=d&e").await.unwrap();
        assert_eq!(echo.status, 200);
        assert_eq!(echo.json()["target"], "/a/%2Fb?c=d&e");
        let headers = echo.json()["headers"].to_string().to_lowercase();
        for expected in [
            "cf-connecting-ip",
            "\"127.0.0.1\"",
            "x-forwarded-proto",
            "cf-ray",
            "cdn-loop",
        ] {
            assert!(headers.contains(expected), "{expected} is missing in {headers}");
        }
        assert!(
            headers.contains(&format!("\"{HOST}\"")),
            "the Host changed: {headers}"
        );

        let head = Request::head("/bytes/1000")
            .header("host", HOST)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let (head, mut body) = send(http, head).await.unwrap();
        assert_eq!(head.headers()["content-length"], "1000");
        assert_eq!(body.count().await.unwrap(), 0);

        for path in ["/bytes/0", "/bytes/1", "/bytes/33554432", "/bytes/300000?chunked"] {
            let answer = get(http, HOST, path).await.unwrap();
            let count = path["/bytes/".len()..]
                .split('?')
                .next()
                .unwrap()
                .parse::<usize>()
                .unwrap();
            assert!(
                answer.body == adit_testing::origin::pattern(count),
                "{path} came back changed"
            );
        }

        let sum = |bytes: usize| {
            use sha2::Digest;
            hex::encode(sha2::Sha256::digest(adit_testing::origin::pattern(bytes)))
        };
        for bytes in [0, 1, 20_000_000] {
            let whole = Full::new(Bytes::from(adit_testing::origin::pattern(bytes)));
            let post = Request::post("/upload").header("host", HOST).body(whole).unwrap();
            let (_, mut answer) = send(http, post).await.unwrap();
            let told: serde_json::Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
            assert_eq!(
                (told["bytes"].as_u64(), told["sha256"].as_str()),
                (Some(bytes as u64), Some(&sum(bytes)[..]))
            );
        }
        let pieces = adit_testing::origin::pattern(300_000)
            .chunks(7_000)
            .map(Bytes::copy_from_slice)
            .collect::<Vec<_>>();
        let chunked = StreamBody::new(futures_util::stream::iter(
            pieces
                .into_iter()
                .map(|piece| Ok::<_, std::io::Error>(http_body::Frame::data(piece))),
        ));
        let post = Request::post("/upload")
            .header("host", HOST)
            .body(BodyExt::boxed(chunked))
            .unwrap();
        let (_, mut answer) = send(http, post).await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
        assert_eq!(
            told["sha256"].as_str(),
            Some(&sum(300_000)[..]),
            "a chunked body changed"
        );

        let cookies = get(http, HOST, "/cookies").await.unwrap();
        assert_eq!(cookies.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(get(http, HOST, "/status/418").await.unwrap().status, 418);
        assert!(
            !cookies
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("cf-cloudflared"))
        );
    }

    pub(super) async fn an_answer_flows_while_the_origin_still_writes(scene: Scene) {
        let request = Request::get("/events")
            .header("host", HOST)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let (_, mut events) = send(scene.edge.http(), request).await.unwrap();
        for event in ["first", "second"] {
            wait_for("the origin's listener", async || scene.origin.emit(event) > 0).await;
            let chunk = tokio::time::timeout(Duration::from_secs(5), events.chunk()).await;
            let chunk = chunk.unwrap().unwrap().unwrap();
            assert!(String::from_utf8_lossy(&chunk).contains(event), "{chunk:?}");
        }
    }

    pub(super) async fn a_client_that_leaves_cancels_the_origins_work(scene: Scene) {
        let request = Request::get("/events")
            .header("host", HOST)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let (_, mut events) = send(scene.edge.http(), request).await.unwrap();
        scene.origin.emit("x");
        events.chunk().await.unwrap();
        assert_eq!(scene.origin.live_requests(), 1);
        drop(events);
        wait_within(
            Duration::from_secs(5),
            "the origin's request to end",
            async || scene.origin.live_requests() == 0,
        )
        .await;
    }

    pub(super) async fn an_origin_that_breaks_off_breaks_the_answer(scene: Scene) {
        for path in ["/reset/20000000", "/reset/20000000?chunked"] {
            let request = Request::get(path)
                .header("host", HOST)
                .body(Empty::<Bytes>::new())
                .unwrap();
            let (head, mut body) = send(scene.edge.http(), request).await.unwrap();
            assert_eq!(head.status(), 200);
            assert!(body.count().await.is_err(), "{path} looked complete");
        }
        assert_eq!(get(scene.edge.http(), HOST, "/hangup").await.unwrap().status, 502);
    }

    pub(super) async fn a_websocket_carries_bytes_both_ways(scene: Scene) {
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::tungstenite::Message;

        let stream = tokio::net::TcpStream::connect(scene.edge.http()).await.unwrap();
        let url = format!("ws://{HOST}/websocket");
        let (mut socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        for size in [1, 125, 60_000, 1_000_000] {
            let sent = Message::binary(adit_testing::origin::pattern(size));
            socket.send(sent.clone()).await.unwrap();
            assert!(
                socket.next().await.unwrap().unwrap() == sent,
                "{size} bytes came back changed"
            );
        }
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        wait_for("the origin's socket to close", async || {
            scene.origin.live_requests() == 0
        })
        .await;
    }

    pub(super) async fn an_origin_that_is_down_is_a_502(scene: Scene) {
        drop(scene.origin);
        let answer = get(scene.edge.http(), HOST, "/").await.unwrap();
        assert_eq!(answer.status, 502);
        assert!(answer.text().contains("bad gateway"), "{}", answer.text());
    }

    pub(super) async fn a_deleted_tunnel_loses_its_connections_and_takes_none(scene: Scene) {
        scene.edge.set(scene.tunnel.key, &scene.tunnel.secret, true);
        wait_for("four evictions", async || {
            closed_because(&scene.edge, CloseReason::Evicted) == 4
        })
        .await;
        scene.connector.process.line("Retrying connection in up to").await;
        assert_eq!(
            get(scene.edge.http(), HOST, "/").await.unwrap().status.as_u16(),
            530
        );
        assert_eq!(
            closed_because(&scene.edge, CloseReason::Evicted),
            4,
            "it was let in again"
        );
    }

    pub(super) async fn a_connector_that_is_killed_leaves_a_530(mut scene: Scene) {
        scene.connector.process.kill().await;
        wait_within(Duration::from_secs(6), "a 530", async || {
            get(scene.edge.http(), HOST, "/").await.unwrap().status.as_u16() == 530
        })
        .await;
        let answer = get(scene.edge.http(), HOST, "/").await.unwrap();
        assert!(answer.text().starts_with("error code: 1033"), "{}", answer.text());
        wait_for("four closed connections", async || {
            closed_because(&scene.edge, CloseReason::Lost) == 4
        })
        .await;
    }

    pub(super) async fn a_connector_that_says_goodbye_finishes_its_requests(scene: Scene) {
        let request = Request::get("/events")
            .header("host", HOST)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let (_, mut events) = send(scene.edge.http(), request).await.unwrap();
        wait_for("the origin's listener", async || scene.origin.emit("before") > 0).await;
        events.chunk().await.unwrap();
        scene.connector.process.signal(rustix::process::Signal::TERM);
        wait_for("no more routing", async || {
            get(scene.edge.http(), HOST, "/").await.unwrap().status.as_u16() == 530
        })
        .await;
        scene.origin.emit("after");
        let chunk = events.chunk().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&chunk).contains("after"), "{chunk:?}");
        drop(events);
        wait_for("four goodbyes", async || {
            closed_because(&scene.edge, CloseReason::Unregistered) == 4
        })
        .await;
    }
}

fn closed_because(edge: &TestEdge, reason: CloseReason) -> usize {
    let events = edge.store.events.lock();
    events
        .iter()
        .filter(|event| matches!(event, PresenceEvent::Closed(closed) if closed.reason == reason))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_told_and_the_connector_goes_on_trying() {
    let Some(binary) = cloudflared::binary() else {
        return skip(
            "a_wrong_secret_is_told_and_the_connector_goes_on_trying",
            cloudflared::ABSENT,
        );
    };
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    let wrong = adit_wire::TunnelToken {
        tunnel: tunnel.key,
        secret: adit_model::TunnelSecret::new(vec![1; 32]).unwrap(),
    };
    for protocol in Protocol::ALL {
        let options = Options::new(
            &binary,
            edge.edge.addresses().connectors,
            &edge.ca,
            &wrong.encode(),
        )
        .over(protocol);
        let mut connector = Cloudflared::start(&options).await;
        // Over QUIC it keeps the reason to itself.
        let refusal = match protocol {
            Protocol::Quic => "control stream encountered a failure",
            Protocol::Http2 => "Unauthorized: Invalid tunnel secret",
        };
        connector.process.line(refusal).await;
        connector.process.line("Retrying connection in up to").await;
        assert!(
            connector.process.is_running(),
            "{protocol}: the connector gave up"
        );
    }
    assert!(
        edge.store.events.lock().is_empty(),
        "a refused connector was reported"
    );
}
