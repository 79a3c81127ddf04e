//! What an edge sends wrong over HTTP/2: the connector's half ends with an error, in bounded time, and never panics.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::OnceLock;
use std::time::Duration;

use adit_net::h2::{H2Limits, H2Server, H2ServerLimits, H2Session};
use http::Request;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// What an edge sends to open a control stream and write to it.
async fn opening() -> Vec<u8> {
    let (edge, mut wire) = duplex(64 * 1024);
    let (session, driver) = H2Session::start(edge, H2Limits::default()).await.unwrap();
    let request = Request::get("https://h2.cftunnel.com/")
        .header("cf-cloudflared-proxy-connection-upgrade", "control-stream");
    let (_response, mut body) = session.open(request.body(()).unwrap(), false).await.unwrap();
    let writing = async {
        body.write_all(b"hello").await.unwrap();
        std::future::pending::<()>().await;
    };
    // It ends by itself never; what it has to say is said at once.
    let saying = async { tokio::join!(driver.run(), writing) };
    drop(tokio::time::timeout(Duration::from_millis(200), saying).await);
    drop((session, body, _response));
    let mut bytes = Vec::new();
    wire.read_to_end(&mut bytes).await.unwrap();
    bytes
}

fn limits() -> H2ServerLimits {
    H2ServerLimits {
        handshake: Duration::from_secs(2),
        dead_after: Duration::from_secs(2),
        ..H2ServerLimits::default()
    }
}

/// Feeds these bytes and nothing more, until the session ends.
async fn fed(bytes: &[u8]) {
    let (connector, mut edge) = duplex(64 * 1024);
    edge.write_all(bytes).await.unwrap();
    edge.shutdown().await.unwrap();
    let serving = async {
        if let Ok(mut server) = H2Server::start(connector, limits()).await {
            while server.accept().await.is_ok() {}
        }
    };
    tokio::time::timeout(Duration::from_secs(10), serving)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_cut_at_every_byte_ends_with_an_error() {
    let bytes = opening().await;
    assert!(bytes.len() > 60, "{}", bytes.len());
    for cut in 0..=bytes.len() {
        fed(&bytes[..cut]).await;
    }
    // All of it, from an edge that stays, is a request.
    let (connector, mut edge) = duplex(64 * 1024);
    edge.write_all(&bytes).await.unwrap();
    let mut server = H2Server::start(connector, limits()).await.unwrap();
    assert!(server.accept().await.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_session_with_wrong_bytes_ends_with_an_error(at: prop::sample::Index, wrong: [u8; 4], tail: Vec<u8>) {
        static OPENING: OnceLock<Vec<u8>> = OnceLock::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut bytes = OPENING.get_or_init(|| runtime.block_on(opening())).clone();
        runtime.block_on(async {
            let at = at.index(bytes.len() - wrong.len());
            bytes[at..at + wrong.len()].copy_from_slice(&wrong);
            bytes.extend(tail);
            fed(&bytes).await;
        });
    }
}
