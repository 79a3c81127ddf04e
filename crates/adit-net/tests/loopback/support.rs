//! Certificates and both ends of a connection on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adit_net::quic::{HandshakeLimits, QuicConnection, QuicDialer, QuicKeys, QuicListener};
use adit_net::tls::{self, CertificateSlot, Identity, TrustAnchors};

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// A self-signed identity for the edge's names, and the anchors that trust it.
pub(crate) fn identity() -> (Identity, TrustAnchors) {
    let names = [tls::QUIC_SERVER_NAME, tls::H2_SERVER_NAME, tls::PROBE_SERVER_NAME].map(str::to_owned);
    let issued = rcgen::generate_simple_self_signed(names).unwrap();
    let (chain, key) = (issued.cert.pem(), issued.signing_key.serialize_pem());
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    (identity, TrustAnchors::from_pem(chain.as_bytes()).unwrap())
}

pub(crate) fn listener(
    addr: SocketAddr,
    identity: &Identity,
    keys: &QuicKeys,
) -> std::io::Result<QuicListener> {
    let tls = tls::edge_quic_config(CertificateSlot::new(identity)).unwrap();
    QuicListener::bind(addr, tls, keys, HandshakeLimits::default())
}

pub(crate) fn dialer(anchors: &TrustAnchors) -> QuicDialer {
    QuicDialer::new(tls::connector_config(anchors).unwrap(), None).unwrap()
}

/// Both ends of one connection; the listener and the dialer live on for as long as they are kept.
pub(crate) struct QuicPair {
    pub(crate) edge: QuicConnection,
    pub(crate) connector: QuicConnection,
    pub(crate) listener: Arc<QuicListener>,
    pub(crate) dialer: QuicDialer,
}

impl QuicPair {
    pub(crate) async fn start() -> Self {
        let (identity, anchors) = identity();
        let listener = Arc::new(listener(LOOPBACK, &identity, &QuicKeys::generate().unwrap()).unwrap());
        let addr = listener.local_addr().unwrap();
        let dialer = dialer(&anchors);
        let accepted = async { listener.accept().await.unwrap().finish().await.unwrap() };
        let (edge, connector) = tokio::join!(accepted, dialer.dial(addr, tls::QUIC_SERVER_NAME, LIMIT));
        Self {
            edge,
            connector: connector.unwrap(),
            listener,
            dialer,
        }
    }
}

/// Fails, naming `what`, if `future` takes longer than ten seconds.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, future)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"))
}
