//! A connection that hangs: what waits on it moves as soon as there is somewhere to go.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use adit_testing::{cloudflared::Protocol, scripted::ScriptedConnector};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::support::scripted::Scene;

/// The edge behind a wire that can be cut without a sound.
struct Wire {
    address: SocketAddr,
    cut: CancellationToken,
    _carrying: JoinSet<()>,
}

impl Wire {
    async fn to(edge: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = CancellationToken::new();
        let told = cut.clone();
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let (mut connector, _) = listener.accept().await.unwrap();
            let mut edge = TcpStream::connect(edge).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut connector, &mut edge) => {}
                () = told.cancelled() => std::future::pending().await,
            }
        });
        Self {
            address,
            cut,
            _carrying: carrying,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_on_a_connection_that_hangs_moves_to_one_that_registers() {
    let scene = Scene::new(Protocol::Http2).await;
    let wire = Wire::to(scene.connectors()).await;
    let (key, secret) = (&scene.tunnel.key, &scene.tunnel.secret);
    let hanging = ScriptedConnector::registered(wire.address, &scene.anchors, Protocol::Http2, key, secret);
    let _hanging = hanging.await;
    wire.cut.cancel();
    let asking = scene.get();
    // Longer than it takes until the connection is suspect, shorter than until it is dead.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begun = Instant::now();
    let mut connector = scene.connector().await;
    connector.next().await.say(200, "moved").await;
    assert_eq!(asking.answer().await.1.read().await.unwrap(), "moved");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
