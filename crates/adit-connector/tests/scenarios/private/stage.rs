//! A connector, its edge, and origins that speak UDP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_connector::{ConnectorConfig, Protocol, ProtocolChoice};
use adit_model::SessionId;
use adit_rpc::{CallError, CallStream, EdgeService, RpcLanes, serve_edge_calls};
use adit_testing::scripted::{EdgeConnection, ScriptedEdge, Transports};
use adit_testing::within;
use adit_wire::calls::RegisterUdpSession;
use adit_wire::datagram::{V3_FEATURE, Version, v2, v3};
use adit_wire::{StreamKind, decode_preamble};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{Running, single};

/// For sessions that are not to end by themselves.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A connector with some connections, seen from its edge.
pub(crate) struct Stage {
    _edge: ScriptedEdge,
    pub(crate) at: Vec<EdgeConnection>,
    pub(crate) connector: Running,
    pub(crate) version: Version,
    pub(crate) lanes: RpcLanes,
}

impl Stage {
    pub(crate) async fn new(version: Version) -> Self {
        Self::with(version, 1, |_| {}).await
    }

    /// Over QUIC.
    pub(crate) async fn with(
        version: Version,
        connections: u8,
        change: impl FnOnce(&mut ConnectorConfig),
    ) -> Self {
        Self::over(Protocol::Quic, version, connections, change).await
    }

    pub(crate) async fn over(
        protocol: Protocol,
        version: Version,
        connections: u8,
        change: impl FnOnce(&mut ConnectorConfig),
    ) -> Self {
        let edge = ScriptedEdge::on(match protocol {
            Protocol::Quic => Transports::Quic,
            Protocol::Http2 => Transports::Http2,
        });
        // What ingress rules lead to has no part in this.
        let mut config = single(&edge, "http_status:418", connections);
        config.protocol = ProtocolChoice::Only(protocol);
        if version == Version::V3 {
            config.features = vec![V3_FEATURE.to_owned()];
        }
        change(&mut config);
        let connector = Running::start(config);
        let at = edge.connected(connections.into()).await;
        Self {
            _edge: edge,
            at,
            connector,
            version,
            lanes: RpcLanes::start(1).unwrap(),
        }
    }

    /// Asks for a session on the first connection. The refusal is in the connector's words, or a code.
    pub(crate) async fn register(
        &self,
        session: SessionId,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<(), String> {
        self.register_on(0, session, to, idle).await
    }

    pub(crate) async fn register_on(
        &self,
        connection: usize,
        session: SessionId,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<(), String> {
        if self.version == Version::V2 {
            let asked = RegisterUdpSession {
                session,
                destination: to,
                close_after_idle: idle,
                trace_context: String::new(),
            };
            return self
                .call(connection)
                .await
                .register_udp_session(asked)
                .await
                .unwrap()
                .map(drop);
        }
        let asked = v3::ToConnector::Register(v3::Registration {
            session,
            to,
            idle_seconds: idle.as_secs().try_into().unwrap(),
            traced: false,
            payload: None,
        });
        let quic = self.at[connection].quic();
        quic.send_datagram(asked.encode()).unwrap();
        loop {
            let datagram = within("an answer", quic.receive_datagram()).await.unwrap();
            if let v3::ToEdge::Answer(answer) = v3::ToEdge::decode(datagram).unwrap() {
                assert_eq!((answer.session, answer.error.as_str()), (session, ""));
                if answer.answer == v3::Answer::Ready {
                    return Ok(());
                }
                return Err(format!("{:?}", answer.answer));
            }
        }
    }

    pub(crate) async fn session(&self, to: SocketAddr) -> SessionId {
        let session = SessionId::random();
        self.register(session, to, LONG).await.unwrap();
        session
    }

    /// A stream for a call on the connector.
    pub(crate) async fn call(
        &self,
        connection: usize,
    ) -> CallStream<'_, adit_net::quic::RecvStream, adit_net::quic::SendStream> {
        let (send, recv) = self.at[connection].quic().open_stream().await.unwrap();
        CallStream::new(&self.lanes, recv, send)
    }

    pub(crate) async fn unregister(&self, session: SessionId) -> Result<(), CallError> {
        let call = self.call(0).await;
        call.unregister_udp_session(session, "enough".to_owned()).await
    }

    pub(crate) fn send(&self, session: SessionId, payload: &[u8]) {
        self.send_on(0, session, payload);
    }

    pub(crate) fn send_on(&self, connection: usize, session: SessionId, payload: &[u8]) {
        let payload = Bytes::copy_from_slice(payload);
        let datagram = match self.version {
            Version::V2 => v2::ToConnector::Udp { session, payload }.encode(),
            Version::V3 => v3::ToConnector::Payload { session, payload }.encode(),
        };
        self.at[connection].quic().send_datagram(datagram).unwrap();
    }

    pub(crate) fn send_packet(&self, packet: Bytes) {
        let datagram = match self.version {
            Version::V2 => v2::ToConnector::Ip(packet).encode(),
            Version::V3 => v3::ToConnector::Icmp(packet).encode(),
        };
        self.at[0].quic().send_datagram(datagram).unwrap();
    }

    /// The next datagram of an origin's.
    pub(crate) async fn received(&self) -> (SessionId, Bytes) {
        self.received_on(0).await
    }

    pub(crate) async fn received_on(&self, connection: usize) -> (SessionId, Bytes) {
        let quic = self.at[connection].quic();
        let datagram = within("a datagram", quic.receive_datagram()).await.unwrap();
        match self.version {
            Version::V2 => match v2::ToEdge::decode(datagram).unwrap() {
                v2::ToEdge::Udp { session, payload } => (session, payload),
                other @ (v2::ToEdge::Ip(_) | v2::ToEdge::Spans { .. }) => panic!("{other:?}"),
            },
            Version::V3 => match v3::ToEdge::decode(datagram).unwrap() {
                v3::ToEdge::Payload { session, payload } => (session, payload),
                other @ (v3::ToEdge::Answer(_) | v3::ToEdge::Icmp(_)) => panic!("{other:?}"),
            },
        }
    }

    pub(crate) async fn received_packet(&self) -> Bytes {
        let datagram = within("a packet", self.at[0].quic().receive_datagram())
            .await
            .unwrap();
        match self.version {
            Version::V2 => match v2::ToEdge::decode(datagram).unwrap() {
                v2::ToEdge::Ip(packet) => packet,
                other @ (v2::ToEdge::Udp { .. } | v2::ToEdge::Spans { .. }) => panic!("{other:?}"),
            },
            Version::V3 => match v3::ToEdge::decode(datagram).unwrap() {
                v3::ToEdge::Icmp(packet) => packet,
                other @ (v3::ToEdge::Answer(_) | v3::ToEdge::Payload { .. }) => panic!("{other:?}"),
            },
        }
    }

    /// Sends there and back again, and tells from which port the origin was asked.
    pub(crate) async fn exchange(&self, session: SessionId, origin: &UdpSocket) -> u16 {
        self.exchange_on(0, session, origin).await
    }

    pub(crate) async fn exchange_on(&self, connection: usize, session: SessionId, origin: &UdpSocket) -> u16 {
        self.send_on(connection, session, b"question");
        let mut buffer = [0; 2048];
        let (length, from) = within("the question", origin.recv_from(&mut buffer))
            .await
            .unwrap();
        assert_eq!(&buffer[..length], b"question");
        origin.send_to(b"answer", from).await.unwrap();
        let answer = self.received_on(connection).await;
        assert_eq!(answer, (session, Bytes::from_static(b"answer")));
        from.port()
    }

    /// What the connector says of sessions that are over, by calls on streams of its own.
    pub(crate) fn endings(&self) -> Endings {
        let quic = self.at[0].quic().clone();
        let (sender, told) = mpsc::channel(8);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let lanes = RpcLanes::start(1).unwrap();
            while let Ok((send, mut recv)) = quic.accept_stream().await {
                let mut seen = BytesMut::new();
                let preamble = loop {
                    if let Some((kind, length)) = decode_preamble(&seen).unwrap() {
                        assert_eq!(kind, StreamKind::Rpc);
                        break length;
                    }
                    seen.extend_from_slice(&recv.read_chunk(1024).await.unwrap().unwrap());
                };
                let reader = std::io::Cursor::new(seen.split_off(preamble));
                let reader = tokio::io::AsyncReadExt::chain(reader, recv);
                let service = Arc::new(Told(sender.clone()));
                serve_edge_calls(&lanes, reader, send, service).await.unwrap();
            }
        });
        Endings {
            told,
            _serving: serving,
        }
    }
}

pub(crate) struct Endings {
    told: mpsc::Receiver<(SessionId, String)>,
    _serving: JoinSet<()>,
}

impl Endings {
    pub(crate) async fn next(&mut self) -> (SessionId, String) {
        within("the end of a session", self.told.recv()).await.unwrap()
    }

    pub(crate) fn none(&mut self) -> bool {
        self.told.try_recv().is_err()
    }
}

struct Told(mpsc::Sender<(SessionId, String)>);

#[async_trait]
impl EdgeService for Told {
    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String> {
        self.0.send((session, message)).await.unwrap();
        Ok(())
    }
}

/// A socket on loopback, and where it is.
pub(crate) async fn origin() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Makes two tests of each function that takes a [`Version`]: one for each version of datagrams.
macro_rules! in_both_versions {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use adit_wire::datagram::Version;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_datagrams_v2() {
                super::$name(Version::V2).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_datagrams_v3() {
                super::$name(Version::V3).await;
            }
        }
    )*};
}
pub(crate) use in_both_versions;
