//! Points 1, 2 and 3 of the checklist: the handshakes of both transports, and probes.

use std::{sync::Arc, time::Duration};

use adit_net::{
    quic::QuicDialer,
    tls::{
        H2_SERVER_NAME, PROBE_SERVER_NAME, QUIC_SERVER_NAME, TrustAnchors, connector_config, outgoing_config,
    },
};
use adit_testing::{
    client::get,
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    scripted::ScriptedConnector,
    skip, wait_for, within,
};
use rustls::{ClientConfig, NamedGroup, crypto::CryptoProvider, pki_types::ServerName};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{
    HOST, TestEdge, connection_events,
    scripted::Scene,
    stock::{StockScene, with_stock_on_both_transports},
};

const LIMIT: Duration = Duration::from_secs(5);

fn anchors(edge: &TestEdge) -> TrustAnchors {
    TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap()
}

/// What offers one group alone.
fn only(config: &ClientConfig, edge: &TestEdge, group: NamedGroup) -> ClientConfig {
    let provider = CryptoProvider::clone(config.crypto_provider());
    let groups = provider.kx_groups.iter().copied();
    let provider = CryptoProvider {
        kx_groups: groups.filter(|offered| offered.name() == group).collect(),
        ..provider.clone()
    };
    assert_eq!(provider.kx_groups.len(), 1, "{group:?} is not known here");
    let mut roots = rustls::RootCertStore::empty();
    if let TrustAnchors::Only(certificates) = anchors(edge) {
        roots.add_parsable_certificates(certificates);
    }
    let mut only = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    only.alpn_protocols.clone_from(&config.alpn_protocols);
    only
}

async fn tls(edge: &TestEdge, config: ClientConfig, name: &'static str) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(edge.edge.addresses().connectors)
        .await
        .unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from(name).unwrap(), tcp).await;
    stream.unwrap()
}

#[tokio::test]
async fn quic_is_taken_with_mlkem_alone_and_with_p256_alone() {
    let edge = TestEdge::start().await;
    let config = connector_config(&anchors(&edge)).unwrap();
    assert_eq!(config.alpn_protocols, [b"argotunnel"]);
    for group in [NamedGroup::X25519MLKEM768, NamedGroup::secp256r1] {
        let dialer = QuicDialer::new(Arc::new(only(&config, &edge, group)), None).unwrap();
        let address = edge.edge.addresses().connectors;
        let dialled = dialer.dial(address, QUIC_SERVER_NAME, LIMIT).await;
        assert!(dialled.is_ok(), "{group:?}: {dialled:?}");
    }
}

#[tokio::test]
async fn quic_is_not_taken_without_its_alpn() {
    let edge = TestEdge::start().await;
    let mut config = ClientConfig::clone(&connector_config(&anchors(&edge)).unwrap());
    config.alpn_protocols = vec![b"h3".to_vec()];
    let dialer = QuicDialer::new(Arc::new(config), None).unwrap();
    let address = edge.edge.addresses().connectors;
    let dialled = dialer.dial(address, QUIC_SERVER_NAME, LIMIT).await;
    assert!(dialled.is_err(), "it was taken");
}

#[tokio::test]
async fn over_tcp_the_edge_asks_for_no_alpn_and_speaks_first() {
    let edge = TestEdge::start().await;
    let config = outgoing_config(&anchors(&edge)).unwrap();
    assert!(config.alpn_protocols.is_empty());
    for group in [NamedGroup::X25519MLKEM768, NamedGroup::secp256r1] {
        let mut stream = tls(&edge, only(&config, &edge, group), H2_SERVER_NAME).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), None);
        let mut preface = [0; 24];
        within("the preface", stream.read_exact(&mut preface))
            .await
            .unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    }
}

#[tokio::test]
async fn probes_leave_no_trace() {
    let scene = Scene::new(Protocol::Quic).await;
    let edge = &scene.edge;
    let (quic, tcp) = (
        connector_config(&scene.anchors).unwrap(),
        outgoing_config(&scene.anchors).unwrap(),
    );
    for _ in 0..20 {
        let dialer = QuicDialer::new(Arc::clone(&quic), None).unwrap();
        let probe = dialer
            .dial(scene.connectors(), PROBE_SERVER_NAME, LIMIT)
            .await
            .unwrap();
        probe.close(0, "precheck complete");
        dialer.wait_idle().await;
        drop(tls(edge, tcp.clone(), PROBE_SERVER_NAME).await);
    }
    // Connectors are still taken, and nothing but them was reported.
    for protocol in Protocol::ALL {
        let (key, secret) = (&scene.tunnel.key, &scene.tunnel.secret);
        let connectors = scene.connectors();
        drop(ScriptedConnector::registered(connectors, &scene.anchors, protocol, key, secret).await);
    }
    let opened = || {
        let events = edge.store.events.lock();
        let opened = |event: &&_| matches!(event, adit_core::port::PresenceEvent::Opened(_));
        events.iter().filter(opened).count()
    };
    assert_eq!(opened(), 2);
}

with_stock_on_both_transports!(a_stock_connector_registers_and_serves);

async fn a_stock_connector_registers_and_serves(scene: StockScene) {
    assert_eq!(get(scene.edge.http(), HOST, "/").await.unwrap().status, 200);
}

/// A stock connector that is run with these flags registers over that transport.
async fn stock_with(test: &str, protocol: Protocol, flags: &[&str]) {
    let (origin, flags) = (Origin::start().await, flags.to_vec());
    let url = origin.url();
    let scene = StockScene::with(test, protocol, origin, |options| {
        options.serving(&url).with(&flags)
    });
    if let Some(scene) = scene.await {
        assert_eq!(get(scene.edge.http(), HOST, "/").await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_connector_that_insists_on_post_quantum_keys_registers() {
    let test = "a_stock_connector_that_insists_on_post_quantum_keys_registers";
    stock_with(test, Protocol::Quic, &["--post-quantum"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prechecks_of_a_stock_connector_pass_and_leave_no_trace() {
    let test = "the_prechecks_of_a_stock_connector_pass_and_leave_no_trace";
    let Some(binary) = cloudflared::binary() else {
        return skip(test, cloudflared::ABSENT);
    };
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    let mut options = Options::new(&binary, edge.edge.addresses().connectors, &edge.ca, &tunnel.token);
    options.prechecks = true;
    let connector = Cloudflared::start_ready(&options, 4).await;
    // The table's row for the vendor's API fails without the internet, after as long as it takes.
    for part in ["UDP Connectivity", "TCP Connectivity"] {
        let row = connector.process.line(part).await;
        assert!(row.contains("PASS"), "{row}");
    }
    wait_for("four connections and no more", async || {
        connection_events(&edge.store) == 4
    })
    .await;
}
