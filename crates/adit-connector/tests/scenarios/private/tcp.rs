//! TCP flows on both transports. Points 17, 18 and 23.

use std::net::SocketAddr;
use std::time::Duration;

use adit_connector::Protocol;
use adit_model::ConfigVersion;
use adit_testing::origin::pattern;
use adit_testing::within;
use adit_wire::datagram::Version;
use adit_wire::http2::{RESPONSE_HEADERS, RESPONSE_META, TCP_SOURCE_HEADER};
use adit_wire::{ConnectAnswer, Extras, FlowKind, RequestHead};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stage::Stage;

const LARGE: usize = 5_000_000;

async fn stage(protocol: Protocol, max_active_flows: Option<u64>) -> Stage {
    Stage::over(protocol, Version::V2, 1, |config| {
        config.private.max_active_flows = max_active_flows;
    })
    .await
}

/// A flow as its edge sees it, on either transport.
enum Flow {
    Quic(adit_testing::scripted::Exchange),
    Http2(adit_net::h2::H2RecvBody, adit_net::h2::H2SendBody),
}

/// Why there is no flow. Over HTTP/2 there are no words.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    words: Option<String>,
    flow_limited: bool,
}

impl Stage {
    async fn open(&self, dest: &str) -> Result<Flow, Refused> {
        if self.at[0].is_quic() {
            let head = RequestHead {
                kind: FlowKind::Tcp,
                dest: dest.to_owned(),
                method: Method::GET,
                host: String::new(),
                headers: HeaderMap::new(),
                flow_id: Some("flow-1".to_owned()),
                extras: Extras::default(),
            };
            let mut exchange = self.at[0].open(&head, b"").await;
            return match exchange.head().await.unwrap() {
                (ConnectAnswer::Accepted(head), first) => {
                    assert!(head.headers.is_empty() && first.is_empty());
                    Ok(Flow::Quic(exchange))
                }
                (ConnectAnswer::Failed(failure), _) => Err(Refused {
                    words: Some(failure.message),
                    flow_limited: failure.flow_limited,
                }),
            };
        }
        let request = Request::get(format!("http://{dest}/")).header(TCP_SOURCE_HEADER, "flow-1");
        let (head, answer, body) = self.at[0].ask_http2(request.body(()).unwrap(), false).await;
        if head.status == StatusCode::OK {
            assert_eq!(head.headers[RESPONSE_HEADERS], "");
            return Ok(Flow::Http2(answer, body));
        }
        assert_eq!(head.status, StatusCode::BAD_GATEWAY);
        let meta = head.headers[RESPONSE_META].to_str().unwrap();
        assert!(meta.contains(r#""src":"cloudflared""#), "{meta}");
        Err(Refused {
            words: None,
            flow_limited: meta.contains("flow_rate_limited"),
        })
    }
}

impl Flow {
    async fn send(&mut self, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        match self {
            Self::Quic(exchange) => exchange.send.write_chunk(bytes).await.unwrap(),
            Self::Http2(_, body) => body.write_chunk(bytes).await.unwrap(),
        }
    }

    /// Whether the connector wants more.
    async fn takes(&mut self, bytes: Bytes) -> bool {
        match self {
            Self::Quic(exchange) => exchange.send.write_chunk(bytes).await.is_ok(),
            Self::Http2(_, body) => body.write_chunk(bytes).await.is_ok(),
        }
    }

    fn finish(&mut self) {
        match self {
            Self::Quic(exchange) => exchange.send.finish(),
            Self::Http2(_, body) => body.finish(),
        }
    }

    async fn rest(&mut self) -> BytesMut {
        let mut all = BytesMut::new();
        loop {
            let chunk = match self {
                Self::Quic(exchange) => within("bytes", exchange.recv.read_chunk(65_536)).await.unwrap(),
                Self::Http2(answer, _) => within("bytes", answer.read_chunk()).await.unwrap(),
            };
            match chunk {
                Some(chunk) => all.extend_from_slice(&chunk),
                None => return all,
            }
        }
    }
}

/// Reads all that a client has to say, then says how much that was and sends a lot.
async fn service() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            clients.spawn(async move {
                let mut said = Vec::new();
                if client.read_to_end(&mut said).await.is_ok() {
                    client.write_u32(said.len().try_into().unwrap()).await.unwrap();
                    client.write_all(&pattern(LARGE)).await.unwrap();
                }
            });
        }
    });
    (address, serving)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_ended_its_side_gets_the_whole_answer() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let stage = stage(protocol, None).await;
        let (address, _serving) = service().await;
        let mut flow = stage.open(&address.to_string()).await.unwrap();
        let question = pattern(300_000);
        flow.send(&question).await;
        flow.finish();
        let answer = flow.rest().await;
        assert_eq!(answer[..4], 300_000_u32.to_be_bytes(), "{protocol}");
        assert!(
            answer[4..] == pattern(LARGE),
            "{protocol}: {} bytes came",
            answer.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_that_ends_ends_the_flow() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let stage = stage(protocol, None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut flow = stage.open(&address).await.unwrap();
        let (mut origin, _) = within("the connection", listener.accept()).await.unwrap();
        flow.send(b"question").await;
        let mut question = [0; 8];
        within("the question", origin.read_exact(&mut question))
            .await
            .unwrap();
        origin.write_all(b"answer").await.unwrap();
        drop(origin);
        assert_eq!(flow.rest().await, "answer", "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_gives_a_flow_up_ends_it_at_the_origin() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let stage = stage(protocol, None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let flow = stage.open(&address).await.unwrap();
        let (mut origin, _) = within("the connection", listener.accept()).await.unwrap();
        drop(flow);
        // In order or not.
        let ended = within("the end", origin.read(&mut [0; 8])).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{protocol}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_told_in_the_words_of_stock_connectors() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let stage = stage(protocol, None).await;
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        for (dest, words) in [
            (
                free.to_string(),
                format!("unable to dial tcp to origin {free}: dial tcp {free}: connect: connection refused"),
            ),
            ("db.internal:5432".to_owned(), "not an ip:port".to_owned()),
        ] {
            let refused = stage.open(&dest).await.err().unwrap();
            assert!(!refused.flow_limited, "{protocol} {dest}");
            if protocol == Protocol::Quic {
                assert_eq!(refused.words, Some(words));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_above_the_limit_is_told_so_and_has_a_place_once_one_is_free() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let stage = stage(protocol, Some(1)).await;
        let (address, _serving) = service().await;
        let mut first = stage.open(&address.to_string()).await.unwrap();
        let refused = stage.open(&address.to_string()).await.err().unwrap();
        assert!(refused.flow_limited, "{protocol}");
        if protocol == Protocol::Quic {
            let words = "failed to start tcp flow due to rate limiting: too many active flows";
            assert_eq!(refused.words.as_deref(), Some(words));
        }
        first.finish();
        assert_eq!(first.rest().await.len(), 4 + LARGE);
        within("a place", async {
            while stage.open(&address.to_string()).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edges_configuration_changes_the_limit_of_a_running_connector() {
    let stage = stage(Protocol::Quic, None).await;
    let (address, _serving) = service().await;
    let mut flows = vec![stage.open(&address.to_string()).await.unwrap()];
    let push = async |version, limit: u64| {
        let config = json!({"ingress": [], "warp-routing": {"maxActiveFlows": limit, "connectTimeout": 2}});
        let call = stage.call(0).await;
        let answer = call.update_configuration(ConfigVersion(version), config.to_string().into());
        assert_eq!(answer.await.unwrap().running, ConfigVersion(version));
    };
    push(1, 1).await;
    assert!(stage.open(&address.to_string()).await.err().unwrap().flow_limited);
    push(2, 2).await;
    flows.push(stage.open(&address.to_string()).await.unwrap());
    assert!(stage.open(&address.to_string()).await.err().unwrap().flow_limited);
    push(3, 0).await;
    flows.push(stage.open(&address.to_string()).await.unwrap());
    let call = stage.call(0).await;
    let bad = json!({"ingress": [], "warp-routing": {"maxActiveFlows": "many"}});
    let answer = call
        .update_configuration(ConfigVersion(4), bad.to_string().into())
        .await
        .unwrap();
    assert_eq!(answer.running, ConfigVersion(3));
    assert!(answer.refusal.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_virtual_dns_service_is_reached_over_tcp() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let resolver = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let named = resolver.local_addr().unwrap();
        let stage = Stage::over(protocol, Version::V2, 1, |config| {
            config.private.dns_resolvers = vec![named];
        })
        .await;
        let mut flow = stage.open("[2606:4700:cf1:2000::1]:53").await.unwrap();
        let (mut asked, _) = within("the connection", resolver.accept()).await.unwrap();
        flow.send(b"question").await;
        let mut question = [0; 8];
        within("the question", asked.read_exact(&mut question))
            .await
            .unwrap();
        asked.write_all(b"answer").await.unwrap();
        drop(asked);
        assert_eq!(flow.rest().await, "answer", "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_takes_nothing_for_the_limit_of_a_write_loses_its_flow() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let stage = Stage::over(protocol, Version::V2, 1, |config| {
            config.write_limit = Some(Duration::from_millis(300));
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let mut flow = stage.open(&to).await.unwrap();
        let _silent = within("the flow", listener.accept()).await.unwrap();
        let chunk = Bytes::from(vec![0; 65_536]);
        within("the end of the flow", async {
            while flow.takes(chunk.clone()).await {}
        })
        .await;
        // The connection goes on.
        let (service, _serving) = service().await;
        stage.open(&service.to_string()).await.unwrap();
    }
}
