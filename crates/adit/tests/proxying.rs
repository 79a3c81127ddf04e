//! Public requests through `adit up` and `adit tunnel run`, each a process of its own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use adit_net::tls::TrustAnchors;
use adit_testing::{
    origin::Origin,
    process::Signal,
    scenes::{self, Way},
};
use support::{Connector, Server};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
    net::TcpListener,
    task::JoinSet,
};

const HOST: &str = "shop.adit.localhost";

struct Scene {
    server: Server,
    origin: Origin,
    connector: Connector,
    anchors: TrustAnchors,
}

async fn scene() -> Scene {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let connector = server.connect(&tunnel, &origin.url()).await;
    let anchors = TrustAnchors::from_pem(&std::fs::read(server.ca()).unwrap()).unwrap();
    Scene {
        server,
        origin,
        connector,
        anchors,
    }
}

impl Scene {
    fn plain(&self) -> Way<'static> {
        Way::plain(self.server.listener("http"), HOST)
    }

    /// A client of each kind.
    fn ways(&self) -> [Way<'_>; 2] {
        let http2 = Way {
            listener: self.server.listener("https"),
            host: HOST,
            http2: Some(&self.anchors),
        };
        [self.plain(), http2]
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was() {
    let scene = scene().await;
    for way in scene.ways() {
        scenes::a_request_arrives_as_it_was(way).await;
    }
}

#[tokio::test]
async fn bodies_of_every_kind_arrive_whole() {
    let scene = scene().await;
    for way in scene.ways() {
        scenes::bodies_of_every_kind_arrive_whole(way).await;
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let scene = scene().await;
    scenes::an_early_answer_reaches_a_client_that_still_sends(scene.plain()).await;
}

#[tokio::test]
async fn an_answer_flows_while_the_origin_still_writes() {
    let scene = scene().await;
    for way in scene.ways() {
        scenes::an_answer_flows_while_the_origin_still_writes(way, &scene.origin).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_origins_work() {
    let scene = scene().await;
    for way in scene.ways() {
        scenes::a_client_that_leaves_cancels_the_origins_work(way, &scene.origin).await;
    }
}

#[tokio::test]
async fn an_origin_that_breaks_off_breaks_the_answer() {
    let scene = scene().await;
    for way in scene.ways() {
        scenes::an_origin_that_breaks_off_breaks_the_answer(way).await;
    }
}

#[tokio::test]
async fn a_websocket_carries_bytes_both_ways() {
    let scene = scene().await;
    for way in scene.ways() {
        scenes::a_websocket_carries_bytes_both_ways(way, &scene.origin).await;
    }
}

#[tokio::test]
async fn an_origin_that_is_down_is_a_502() {
    let mut scene = scene().await;
    // The one that the connector knows goes.
    scene.origin = Origin::start().await;
    for way in scene.ways() {
        scenes::an_origin_that_is_down_is_a_502(way).await;
    }
}

#[tokio::test]
async fn a_connector_that_says_goodbye_finishes_its_requests() {
    let mut scene = scene().await;
    let stop = || scene.connector.process.signal(Signal::TERM);
    let way = scene.plain();
    scenes::a_connector_that_says_goodbye_finishes_its_requests(way, &scene.origin, stop).await;
    assert!(
        scene.connector.process.ended().await.success(),
        "a goodbye is no failure"
    );
}

/// An origin that sends hints before each of its answers.
async fn hinting_origin() -> (std::net::SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, mut serving) = (listener.local_addr().unwrap(), JoinSet::new());
    serving.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufStream::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
                line.clear();
            }
            let answer = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n\
                          HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.flush().await;
        }
    });
    (address, serving)
}

#[tokio::test]
async fn hints_before_an_answer_stay_behind_and_do_not_break_it() {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let (origin, _serving) = hinting_origin().await;
    let _connector = server.connect(&tunnel, &format!("http://{origin}")).await;
    for _ in 0..3 {
        let answer = server.get(&tunnel.host, "/").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "hello"));
        assert!(!answer.headers.contains_key("link"));
    }
}
