//! HTTP/2 over TLS on real loopback sockets; the scripted connector is the HTTP/2 server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{LOOPBACK, identity, within};
use adit_net::h2::{H2End, H2Error, H2Limits, H2Session};
use adit_net::tls::{self, CertificateSlot, TlsLimits, TlsListener, TrustAnchors};
use bytes::Bytes;
use http::{Request, Response};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

type ClientTls = tokio_rustls::client::TlsStream<TcpStream>;

async fn edge() -> (TlsListener, TrustAnchors) {
    let (identity, anchors) = identity();
    let tls = tls::edge_tcp_config(CertificateSlot::new(&identity)).unwrap();
    (
        TlsListener::bind(LOOPBACK, tls, TlsLimits::default()).unwrap(),
        anchors,
    )
}

/// Dials as a stock connector does: TLS without ALPN.
async fn dial(addr: SocketAddr, anchors: &TrustAnchors) -> ClientTls {
    let config = tls::outgoing_config(anchors).unwrap();
    let tcp = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from(tls::H2_SERVER_NAME).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap()
}

struct Pair {
    session: H2Session,
    server: h2::server::Connection<ClientTls, Bytes>,
    tasks: JoinSet<H2End>,
}

async fn pair(limits: H2Limits, server: &h2::server::Builder) -> Pair {
    let (listener, anchors) = edge().await;
    let addr = listener.local_addr().unwrap();
    let edge = async {
        let tls = listener.accept().await.unwrap().finish().await.unwrap();
        assert_eq!(tls.alpn(), None);
        assert_eq!(tls.server_name(), Some(tls::H2_SERVER_NAME));
        H2Session::start(tls, limits).await.unwrap()
    };
    let connector = async { server.handshake(dial(addr, &anchors).await).await.unwrap() };
    let ((session, driver), server) = tokio::join!(edge, connector);
    let mut tasks = JoinSet::new();
    tasks.spawn(driver.run());
    Pair {
        session,
        server,
        tasks,
    }
}

fn get() -> Request<()> {
    Request::get("https://shop.example/").body(()).unwrap()
}

#[tokio::test]
async fn a_client_without_alpn_becomes_the_http2_server_and_answers() {
    let Pair {
        session,
        mut server,
        mut tasks,
    } = pair(H2Limits::default(), &h2::server::Builder::new()).await;
    let (response, no_body) = session.open(get(), true).await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Some(Ok((request, mut respond))) = server.accept().await {
            assert_eq!(request.uri().host(), Some("shop.example"));
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"hello"), false).unwrap();
            body.send_trailers(
                [("x-end".parse().unwrap(), "1".parse().unwrap())]
                    .into_iter()
                    .collect(),
            )
            .unwrap();
        }
    });
    let (head, mut body) = within("the head", response).await.unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(body.read_chunk().await.unwrap().unwrap(), "hello");
    assert_eq!(body.read_chunk().await.unwrap(), None);
    assert_eq!(body.trailers().await.unwrap().unwrap()["x-end"], "1");

    session.drain();
    assert!(matches!(session.open(get(), true).await, Err(H2Error::Ended)));
    drop((body, no_body));
    assert!(matches!(
        within("the end", tasks.join_next()).await,
        Some(Ok(H2End::Done))
    ));
}

#[tokio::test]
async fn bytes_run_both_ways_as_a_byte_stream() {
    let Pair {
        session,
        mut server,
        tasks: _tasks,
    } = pair(H2Limits::default(), &h2::server::Builder::new()).await;
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut echoes = JoinSet::new();
        while let Some(Ok((request, mut respond))) = server.accept().await {
            let mut body = request.into_body();
            let mut out = respond.send_response(Response::new(()), false).unwrap();
            echoes.spawn(async move {
                while let Some(Ok(chunk)) = body.data().await {
                    body.flow_control().release_capacity(chunk.len()).unwrap();
                    out.send_data(chunk, false).unwrap();
                }
                out.send_data(Bytes::new(), true).unwrap();
            });
        }
    });
    let (response, mut send) = session.open(get(), false).await.unwrap();
    let sent: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (_, mut recv) = within("the head", response).await.unwrap();
    let sending = async {
        send.write_all(&sent).await.unwrap();
        send.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (_, read) = within("the echo", async {
        tokio::join!(sending, recv.read_to_end(&mut got))
    })
    .await;
    read.unwrap();
    assert!(got == sent);
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_the_writer_at_its_window() {
    let Pair {
        session,
        mut server,
        tasks: _tasks,
    } = pair(H2Limits::default(), &h2::server::Builder::new()).await;
    let (response, mut send) = session.open(get(), false).await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut unread = Vec::new();
        while let Some(Ok((request, mut respond))) = server.accept().await {
            unread.push((request, respond.send_response(Response::new(()), false).unwrap()));
        }
    });
    within("the head", response).await.unwrap();
    let written = std::sync::atomic::AtomicUsize::new(0);
    let flood = async {
        loop {
            send.write_chunk(Bytes::from_static(&[0; 1024])).await.unwrap();
            written.fetch_add(1024, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let _: Result<(), _> = tokio::time::timeout(Duration::from_millis(300), flood).await;
    // The default window of an HTTP/2 receiver.
    assert_eq!(written.into_inner(), 65_535 / 1024 * 1024);
}

#[tokio::test]
async fn a_slow_reader_holds_the_peer_back() {
    let limits = H2Limits {
        stream_window_bytes: 100_000,
        ..H2Limits::default()
    };
    let Pair {
        session,
        mut server,
        tasks: _tasks,
    } = pair(limits, &h2::server::Builder::new()).await;
    let (response, _send) = session.open(get(), true).await.unwrap();
    let (grants, mut granted) = tokio::sync::mpsc::unbounded_channel();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut bodies = JoinSet::new();
        while let Some(Ok((_, mut respond))) = server.accept().await {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            let grants = grants.clone();
            bodies.spawn(async move {
                loop {
                    body.reserve_capacity(1 << 20);
                    let Some(Ok(granted)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else {
                        break;
                    };
                    body.send_data(Bytes::from(vec![1; granted]), false).unwrap();
                    grants.send(granted).unwrap();
                }
            });
        }
    });
    let (_, mut recv) = within("the head", response).await.unwrap();
    let mut sent = 0;
    while sent < 100_000 {
        sent += within("a grant", granted.recv()).await.unwrap();
    }
    assert_eq!(sent, 100_000, "no more than the window before anything is read");
    assert!(granted.try_recv().is_err());
    let mut read = 0;
    while read < 60_000 {
        read += within("a chunk", recv.read_chunk()).await.unwrap().unwrap().len();
    }
    assert!(within("more, once read", granted.recv()).await.is_some());
}

#[tokio::test]
async fn a_body_dropped_unfinished_resets_the_stream() {
    let Pair {
        session,
        mut server,
        tasks: _tasks,
    } = pair(H2Limits::default(), &h2::server::Builder::new()).await;
    let (_response, mut send) = session.open(get(), false).await.unwrap();
    send.write_chunk(Bytes::from_static(b"half")).await.unwrap();
    let (request, _respond) = within("the request", server.accept()).await.unwrap().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move { while server.accept().await.is_some() {} });
    let mut body = request.into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "half");

    drop(send);

    let error = within("the reset", body.data()).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
}

#[tokio::test]
async fn the_peers_stream_limit_is_obeyed() {
    let mut builder = h2::server::Builder::new();
    let Pair {
        session,
        mut server,
        tasks: _tasks,
    } = pair(H2Limits::default(), builder.max_concurrent_streams(1)).await;
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Some(Ok((_, respond))) = server.accept().await {
            arrived.send(respond).unwrap();
        }
    });
    let (first, _) = session.open(get(), true).await.unwrap();
    let mut respond = within("the first", arrivals.recv()).await.unwrap();
    assert_eq!(session.stream_limit(), 1);
    let (_second, _) = session.open(get(), true).await.unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(100), arrivals.recv())
            .await
            .is_err(),
        "over the limit"
    );
    respond.send_response(Response::new(()), true).unwrap();
    within("the head", first).await.unwrap();
    within("the second", arrivals.recv()).await.unwrap();
}

#[tokio::test]
async fn a_head_above_the_limit_costs_the_peer_its_stream() {
    let limits = H2Limits {
        max_header_list_bytes: 4096,
        ..H2Limits::default()
    };
    let Pair {
        session,
        mut server,
        tasks: _tasks,
    } = pair(limits, &h2::server::Builder::new()).await;
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Some(Ok((request, mut respond))) = server.accept().await {
            let size = if request.uri().path() == "/huge" { 8192 } else { 16 };
            let response = Response::builder()
                .header("x-size", "x".repeat(size))
                .body(())
                .unwrap();
            respond.send_response(response, true).unwrap();
        }
    });
    let huge = Request::get("https://shop.example/huge").body(()).unwrap();
    let (response, _body) = session.open(huge, true).await.unwrap();
    assert!(within("the failure", response).await.is_err());
    let (response, _body) = session.open(get(), true).await.unwrap();
    assert_eq!(within("the head", response).await.unwrap().0.status, 200);
}

#[tokio::test]
async fn a_dead_peer_is_noticed_by_its_silence() {
    let limits = H2Limits {
        ping_interval: Duration::from_millis(20),
        dead_after: Duration::from_millis(100),
        ..H2Limits::default()
    };
    // The server is never polled again, so it answers no ping: a process that hangs.
    let Pair {
        session,
        server: _hung,
        mut tasks,
    } = pair(limits, &h2::server::Builder::new()).await;
    let (response, _body) = session.open(get(), true).await.unwrap();
    assert!(matches!(
        within("the end", tasks.join_next()).await,
        Some(Ok(H2End::Silent))
    ));
    assert!(response.await.is_err());
}

#[tokio::test]
async fn a_living_peer_is_not_mistaken_for_a_dead_one() {
    let limits = H2Limits {
        ping_interval: Duration::from_millis(5),
        dead_after: Duration::from_millis(500),
        ..H2Limits::default()
    };
    let Pair {
        session,
        mut server,
        mut tasks,
    } = pair(limits, &h2::server::Builder::new()).await;
    let mut serving = JoinSet::new();
    serving.spawn(async move { while server.accept().await.is_some() {} });
    assert!(
        tokio::time::timeout(Duration::from_millis(300), tasks.join_next())
            .await
            .is_err()
    );
    session.close();
    assert!(matches!(
        within("the end", tasks.join_next()).await,
        Some(Ok(H2End::Closed))
    ));
}

#[tokio::test]
async fn garbage_on_the_tcp_port_costs_only_its_own_connection() {
    let (listener, anchors) = edge().await;
    let addr = listener.local_addr().unwrap();
    let mut stranger = TcpStream::connect(addr).await.unwrap();
    stranger
        .write_all(b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n")
        .await
        .unwrap();
    let refused = listener.accept().await.unwrap().finish().await;
    assert!(refused.is_err());

    let accepting = async { listener.accept().await.unwrap().finish().await };
    let (accepted, mut dialled) = tokio::join!(accepting, dial(addr, &anchors));
    // TLS succeeds, but no HTTP/2 follows.
    dialled.write_all(&[0xFF; 4096]).await.unwrap();
    dialled.flush().await.unwrap();
    let (_session, driver) = H2Session::start(accepted.unwrap(), H2Limits::default())
        .await
        .unwrap();
    assert!(matches!(within("the end", driver.run()).await, H2End::Failed(_)));
}

#[tokio::test]
async fn a_peer_is_asked_on_demand_and_heard() {
    let Pair {
        session,
        mut server,
        tasks: _driver,
    } = pair(H2Limits::default(), &h2::server::Builder::new()).await;
    let mut serving = JoinSet::new();
    serving.spawn(async move { while server.accept().await.is_some() {} });
    for _ in 0..3 {
        let (heard, moved) = (session.heard_bytes(), session.moved_bytes());
        session.ask();
        within("the answer", async {
            while session.heard_bytes() == heard || session.is_asked() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(session.moved_bytes() > moved);
    }
}
