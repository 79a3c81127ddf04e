//! Unmodified cloudflared behind an edge, where it is present.

use adit_net::tls::TrustAnchors;
use adit_testing::{
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    scenes::Way,
    skip,
};

use super::{HOST, TestEdge, TestTunnel};

/// An edge, a tunnel, an origin and a stock connector with four connections.
pub(crate) struct StockScene {
    pub(crate) edge: TestEdge,
    pub(crate) tunnel: TestTunnel,
    pub(crate) origin: Origin,
    pub(crate) connector: Cloudflared,
    pub(crate) protocol: Protocol,
    pub(crate) anchors: TrustAnchors,
}

impl StockScene {
    /// `None` without the binary.
    pub(crate) async fn new(test: &str, protocol: Protocol) -> Option<Self> {
        let origin = Origin::start().await;
        let url = origin.url();
        Self::with(test, protocol, origin, |options| options.serving(&url)).await
    }

    /// With a connector that is run differently; `None` without the binary.
    pub(crate) async fn with(
        test: &str,
        protocol: Protocol,
        origin: Origin,
        change: impl FnOnce(Options) -> Options,
    ) -> Option<Self> {
        let Some(binary) = cloudflared::binary() else {
            skip(test, cloudflared::ABSENT);
            return None;
        };
        let edge = TestEdge::start().await;
        let tunnel = edge.tunnel("shop").await;
        let options = Options::new(&binary, edge.edge.addresses().connectors, &edge.ca, &tunnel.token);
        let connector = Cloudflared::start_ready(&change(options.over(protocol)), 4).await;
        let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        Some(Self {
            edge,
            tunnel,
            origin,
            connector,
            protocol,
            anchors,
        })
    }

    /// HTTP/1.1 in the clear.
    pub(crate) fn way(&self) -> Way<'static> {
        Way::plain(self.edge.http(), HOST)
    }

    /// A client of each kind: HTTP/1.1 in the clear, HTTP/2 over TLS.
    pub(crate) fn ways(&self) -> [Way<'_>; 2] {
        let http2 = Way {
            listener: self.edge.edge.addresses().https.unwrap(),
            host: HOST,
            http2: Some(&self.anchors),
        };
        [self.way(), http2]
    }
}

/// Makes two tests of each function that takes a [`StockScene`]: one for each transport.
macro_rules! with_stock_on_both_transports {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use $crate::support::stock::StockScene;
            use adit_testing::cloudflared::Protocol;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_quic() {
                let name = concat!(stringify!($name), "::over_quic");
                if let Some(scene) = StockScene::new(name, Protocol::Quic).await {
                    super::$name(scene).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_http2() {
                let name = concat!(stringify!($name), "::over_http2");
                if let Some(scene) = StockScene::new(name, Protocol::Http2).await {
                    super::$name(scene).await;
                }
            }
        }
    )*};
}
pub(crate) use with_stock_on_both_transports;

/// A stock connector with a token, just started.
pub(crate) async fn connector_of(edge: &TestEdge, token: &str, protocol: Protocol) -> Cloudflared {
    let binary = cloudflared::binary().unwrap();
    let address = edge.edge.addresses().connectors;
    let options = Options::new(&binary, address, &edge.ca, token).over(protocol);
    Cloudflared::start(&options).await
}

/// Waits until a connector says that it was refused, and goes on trying.
pub(crate) async fn refused(connector: &mut Cloudflared, protocol: Protocol, reason: &str) {
    // Over QUIC it keeps the reason to itself.
    let refusal = match protocol {
        Protocol::Quic => "control stream encountered a failure",
        Protocol::Http2 => reason,
    };
    connector.process.line(refusal).await;
    connector.process.line("Retrying connection in up to").await;
    assert!(
        connector.process.is_running(),
        "{protocol}: the connector gave up"
    );
}
