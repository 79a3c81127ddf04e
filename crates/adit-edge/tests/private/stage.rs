//! An edge, a tunnel, and connectors that speak datagrams of either version.

use std::{net::SocketAddr, time::Duration};

use adit_core::sessions::FlowLimits;
use adit_edge::TunnelDialer;
use adit_model::{ConnectionIndex, ConnectorId, SessionId};
use adit_net::{
    private::{PrivateDatagrams, PrivateDialError},
    tls::TrustAnchors,
};
use adit_testing::{
    cloudflared::Protocol,
    scripted::{AskedSession, ScriptedConnector, registration, speaking_v3},
    within,
};
use adit_wire::datagram::{Version, v2, v3};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{
    counters,
    support::{TestEdge, TestTunnel},
};

/// Where sessions go that a scripted connector carries.
pub(crate) const TO: &str = "10.1.2.3:53";
/// For sessions that are not to end by themselves.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// An edge and a tunnel.
pub(crate) struct Stage {
    pub(crate) edge: TestEdge,
    pub(crate) tunnel: TestTunnel,
    pub(crate) anchors: TrustAnchors,
    pub(crate) version: Version,
}

impl Stage {
    pub(crate) async fn new(version: Version) -> Self {
        Self::with(version, FlowLimits::default()).await
    }

    pub(crate) async fn with(version: Version, limits: FlowLimits) -> Self {
        counters::count();
        let edge = TestEdge::start_as(|config| config.datagram_flows = limits).await;
        let tunnel = edge.tunnel("shop").await;
        let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        Self {
            edge,
            tunnel,
            anchors,
            version,
        }
    }

    pub(crate) fn dialer(&self) -> TunnelDialer {
        self.edge.edge.dialer_into(&self.tunnel.key).unwrap()
    }

    /// A connector with one connection.
    pub(crate) async fn peer(&self) -> Peer {
        self.peer_of(ConnectorId::random(), 0).await
    }

    /// A further connection of a connector.
    pub(crate) async fn peer_of(&self, connector: ConnectorId, index: u8) -> Peer {
        self.peer_speaking(self.version, connector, index).await
    }

    pub(crate) async fn peer_speaking(&self, version: Version, connector: ConnectorId, index: u8) -> Peer {
        let mut request = registration(&self.tunnel.key, &self.tunnel.secret);
        request.client.id = connector;
        request.index = ConnectionIndex(index);
        if version == Version::V3 {
            request = speaking_v3(request);
        }
        let edge = self.edge.edge.addresses().connectors;
        let link = ScriptedConnector::dial(edge, &self.anchors, Protocol::Quic).await;
        link.register(request).await.unwrap().unwrap();
        Peer { link, version }
    }

    /// Begins to open a session.
    pub(crate) fn open(&self) -> Opening {
        self.open_to(TO, LONG)
    }

    pub(crate) fn open_to(&self, to: &str, idle: Duration) -> Opening {
        let (dialer, to): (_, SocketAddr) = (self.dialer(), to.parse().unwrap());
        let mut opening = JoinSet::new();
        opening.spawn(async move { dialer.udp(to, idle).await });
        Opening(opening)
    }

    /// A session that the peer has taken.
    pub(crate) async fn session(&self, peer: &mut Peer) -> (Box<dyn PrivateDatagrams>, SessionId) {
        let opening = self.open();
        let asked = peer.asked().await;
        let session = peer.link.take(asked);
        (opening.done().await.unwrap(), session)
    }
}

/// A session under way.
pub(crate) struct Opening(JoinSet<Result<Box<dyn PrivateDatagrams>, PrivateDialError>>);

impl Opening {
    pub(crate) async fn done(mut self) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        within("a session or a refusal", self.0.join_next())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn refused(self) -> PrivateDialError {
        self.done().await.err().unwrap()
    }
}

/// A connection whose datagrams are of one version.
pub(crate) struct Peer {
    pub(crate) link: ScriptedConnector,
    pub(crate) version: Version,
}

impl Peer {
    /// The next session that the edge asks for here.
    pub(crate) async fn asked(&mut self) -> AskedSession {
        match self.version {
            Version::V2 => self.link.session_v2().await,
            Version::V3 => self.link.session_v3().await,
        }
    }

    /// Sends what an origin has answered.
    pub(crate) fn send(&self, session: SessionId, payload: &'static [u8]) {
        let payload = Bytes::from_static(payload);
        self.link.send_datagram(match self.version {
            Version::V2 => v2::ToEdge::Udp { session, payload }.encode(),
            Version::V3 => v3::ToEdge::Payload { session, payload }.encode(),
        });
    }

    pub(crate) fn send_packet(&self, packet: Bytes) {
        self.link.send_datagram(match self.version {
            Version::V2 => v2::ToEdge::Ip(packet).encode(),
            Version::V3 => v3::ToEdge::Icmp(packet).encode(),
        });
    }

    /// What a user has sent.
    pub(crate) async fn received(&self) -> (SessionId, Bytes) {
        match self.version {
            Version::V2 => match self.link.next_v2().await {
                v2::ToConnector::Udp { session, payload } => (session, payload),
                other @ (v2::ToConnector::Ip(_) | v2::ToConnector::TracedIp { .. }) => panic!("{other:?}"),
            },
            Version::V3 => match self.link.next_v3().await {
                v3::ToConnector::Payload { session, payload } => (session, payload),
                other @ (v3::ToConnector::Register(_) | v3::ToConnector::Icmp(_)) => panic!("{other:?}"),
            },
        }
    }

    pub(crate) async fn received_packet(&self) -> Bytes {
        match self.version {
            Version::V2 => match self.link.next_v2().await {
                v2::ToConnector::Ip(packet) => packet,
                other @ (v2::ToConnector::Udp { .. } | v2::ToConnector::TracedIp { .. }) => {
                    panic!("{other:?}")
                }
            },
            Version::V3 => match self.link.next_v3().await {
                v3::ToConnector::Icmp(packet) => packet,
                other @ (v3::ToConnector::Register(_) | v3::ToConnector::Payload { .. }) => {
                    panic!("{other:?}")
                }
            },
        }
    }

    /// Closes the connection at once.
    pub(crate) fn close(&self) {
        self.link.quic.as_ref().unwrap().close(0, "");
    }
}

/// Sends there and back again.
pub(crate) async fn works(flow: &dyn PrivateDatagrams, peer: &Peer, session: SessionId) {
    assert!(flow.send(Bytes::from_static(b"question")));
    assert_eq!(peer.received().await, (session, Bytes::from_static(b"question")));
    peer.send(session, b"answer");
    assert_eq!(received(flow).await.unwrap(), "answer");
}

/// As [`works`], for a session that is on its way to the peer.
pub(crate) async fn works_soon(flow: &dyn PrivateDatagrams, peer: &Peer, session: SessionId) {
    let arrived = within("a datagram at the new place", async {
        loop {
            flow.send(Bytes::from_static(b"question"));
            let received = tokio::time::timeout(Duration::from_millis(100), peer.received());
            if let Ok(received) = received.await {
                return received;
            }
        }
    });
    assert_eq!(arrived.await, (session, Bytes::from_static(b"question")));
    peer.send(session, b"answer");
    assert_eq!(received(flow).await.unwrap(), "answer");
}

/// What comes back; `None` at the end.
pub(crate) async fn received(flow: &dyn PrivateDatagrams) -> Option<Bytes> {
    within("a datagram or the end", flow.receive()).await
}

/// Makes two tests of each function that takes a [`Stage`]: one for each version of datagrams.
macro_rules! in_both_versions {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use $crate::stage::Stage;
            use adit_wire::datagram::Version;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_datagrams_v2() {
                super::$name(Stage::new(Version::V2).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_datagrams_v3() {
                super::$name(Stage::new(Version::V3).await).await;
            }
        }
    )*};
}
pub(crate) use in_both_versions;
