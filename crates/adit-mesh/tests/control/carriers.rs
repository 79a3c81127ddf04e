//! Nodes whose packets come by QUIC or TLS: the edge's end, with a real hub behind it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_mesh::{
    hub::{Hub, HubConfig},
    noise::{Demux, HandshakeLimits, Host as Keys, Incoming, Peer, PeerConfig, PrivateKey, Timing},
    udp::SendBatch,
};
use adit_net::{
    mesh::{Carrier, CarrierDialer, Carriers},
    quic::{HandshakeLimits as QuicLimits, QuicKeys, QuicListener},
    tls::{self, CertificateSlot, TlsLimits, TlsListener},
};
use adit_testing::{scripted::TestIdentity, wait_for, within};
use adit_wire::mesh::{
    CarrierAnswer, CarrierClaim, Exporter, IdentityPair, put_first, put_frame, take_first, take_frame,
};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::JoinSet,
};

use crate::world::{Host, Node, World};

const HUB: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const TRANSPORTS: [Transport; 2] = [Transport::Tls, Transport::Quic];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Tls,
    Quic,
}

/// A world whose server takes carriers, too.
struct Scene {
    world: World,
    hub: Arc<Hub>,
    tls: SocketAddr,
    quic: SocketAddr,
    dialer: CarrierDialer,
    _listening: JoinSet<()>,
}

impl Scene {
    async fn start() -> Self {
        let world = World::start().await;
        let hub = Arc::new(Hub::start(HubConfig::new(HUB, PrivateKey::generate().unwrap())).unwrap());
        world.hub.also(Arc::clone(&hub));
        let carriers = world.carriers(hub.board());
        let identity = TestIdentity::edge();
        let slot = CertificateSlot::new(&identity.identity);
        let special = tls::edge_carrier_config(Arc::clone(&slot) as _).unwrap();
        let tcp = TlsListener::bind(HUB, tls::public_config(slot).unwrap(), TlsLimits::default())
            .unwrap()
            .with_carriers(Arc::clone(&special));
        let keys = QuicKeys::generate().unwrap();
        let udp = QuicListener::bind(HUB, special, &keys, QuicLimits::default()).unwrap();
        let (tls, quic) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
        let mut listening = JoinSet::new();
        listening.spawn(listen_tls(tcp, Arc::clone(&carriers)));
        listening.spawn(listen_quic(udp, carriers));
        Self {
            world,
            hub,
            tls,
            quic,
            dialer: CarrierDialer::new(&identity.anchors, None).unwrap(),
            _listening: listening,
        }
    }

    /// A linked replica with a key that it really has.
    async fn member(&self) -> Member {
        let key = PrivateKey::generate().unwrap();
        let host = Host {
            key: key.public(),
            ..Host::new(self.world.store.site())
        };
        let node = self.world.node_like(&host, Some(crate::store::SECRET), false);
        node.until_linked().await;
        let keys = Keys::new(key, HandshakeLimits::default(), Instant::now());
        let config = PeerConfig {
            key: self.hub.public_key(),
            endpoint: Some(self.hub.address().into()),
            keep_alive: None,
            waiting: 8,
            mtu: 1_420,
            timing: Timing::default(),
        };
        wait_for("the hub to know it", async || {
            self.world.hub.keys(host.replica).contains(&host.key)
        })
        .await;
        Member {
            peer: Peer::new(&keys, &config),
            keys,
            demux: Demux::default(),
            host,
            node: Some(node),
        }
    }

    /// A carrier that has said nothing yet.
    async fn dial(&self, transport: Transport) -> Wire {
        let carrier = match transport {
            Transport::Tls => self.dialer.tls(self.tls).await,
            Transport::Quic => self.dialer.quic(self.quic, Duration::from_secs(5)).await,
        };
        Wire::over(within("a carrier", async { carrier.unwrap() }).await).await
    }

    /// One that the edge takes.
    async fn accepted(&self, transport: Transport, member: &Member) -> Wire {
        let mut wire = self.dial(transport).await;
        let claim = member.claim(&wire.exporter);
        wire.say(&claim).await;
        assert!(wire.answer().await.unwrap().accepted);
        wire
    }
}

async fn listen_tls(listener: TlsListener, carriers: Arc<dyn Carriers>) {
    let mut shaking = JoinSet::new();
    while let Ok(incoming) = listener.accept().await {
        let carriers = Arc::clone(&carriers);
        shaking.spawn(async move {
            if let Ok(stream) = incoming.finish().await {
                carriers.accept(Carrier::accepted(stream).unwrap());
            }
        });
    }
}

async fn listen_quic(listener: QuicListener, carriers: Arc<dyn Carriers>) {
    let mut shaking = JoinSet::new();
    while let Some(incoming) = listener.accept().await {
        let carriers = Arc::clone(&carriers);
        shaking.spawn(async move {
            if let Ok(connection) = incoming.finish().await {
                carriers.accept(Carrier::Quic(connection));
            }
        });
    }
}

/// A replica that is linked, and speaks WireGuard by itself.
struct Member {
    host: Host,
    keys: Keys,
    peer: Peer,
    demux: Demux<()>,
    /// Its control connection.
    node: Option<Node>,
}

impl Member {
    fn claim(&self, exporter: &Exporter) -> CarrierClaim {
        CarrierClaim {
            account: self.host.site.account,
            tunnel: self.host.site.tunnel,
            connector: self.host.replica,
            signature: IdentityPair::from_seed(&self.host.seed).unwrap().sign(exporter),
        }
    }

    fn does(&mut self, act: impl FnOnce(&mut Peer, &mut SendBatch)) -> Vec<Vec<u8>> {
        let mut out = SendBatch::default();
        act(&mut self.peer, &mut out);
        if let Some(index) = self.peer.take_index() {
            self.demux.learn(index, ());
        }
        out.datagrams().map(|(_, datagram)| datagram.to_vec()).collect()
    }

    /// Shakes hands with the hub over a carrier, and is answered there.
    async fn connect(&mut self, wire: &mut Wire) {
        let initiation = self.does(Peer::connect);
        self.send(wire, initiation).await;
        while !self.peer.has_session() {
            self.take(wire).await;
        }
        self.is_answered(wire).await;
    }

    async fn is_answered(&mut self, wire: &mut Wire) {
        let before = self.peer.stats().heard;
        let question = self.does(Peer::ask);
        self.send(wire, question).await;
        while self.peer.stats().heard == before {
            self.take(wire).await;
        }
    }

    async fn send(&self, wire: &mut Wire, datagrams: Vec<Vec<u8>>) {
        for datagram in datagrams {
            wire.send(&datagram).await;
        }
    }

    async fn take(&mut self, wire: &mut Wire) {
        let datagram = wire.hear().await.unwrap();
        let from = self.peer.endpoint().unwrap();
        let incoming = self
            .keys
            .classify(from.remote, &datagram, Instant::now())
            .unwrap();
        let Incoming::Indexed { message, .. } = incoming else {
            return;
        };
        let answers = self.does(|peer, out| {
            peer.receive(from, message, out).unwrap();
        });
        self.send(wire, answers).await;
    }
}

/// A node's end of a carrier, played frame by frame.
struct Wire {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    quic: Option<adit_net::quic::QuicConnection>,
    exporter: Exporter,
    unread: BytesMut,
}

impl Wire {
    async fn over(carrier: Carrier) -> Self {
        let exporter = carrier.exporter().unwrap();
        match carrier {
            Carrier::Tls(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                Self {
                    reader: Box::new(reader),
                    writer: Box::new(writer),
                    quic: None,
                    exporter,
                    unread: BytesMut::new(),
                }
            }
            Carrier::Quic(connection) => {
                let (send, recv) = connection.open_stream().await.unwrap();
                connection.take_datagrams();
                Self {
                    reader: Box::new(recv),
                    writer: Box::new(send),
                    quic: Some(connection),
                    exporter,
                    unread: BytesMut::new(),
                }
            }
        }
    }

    /// The far end may have closed already.
    async fn write(&mut self, bytes: &[u8]) {
        let _ = self.writer.write_all(bytes).await;
        let _ = self.writer.flush().await;
    }

    async fn say(&mut self, claim: &CarrierClaim) {
        let mut bytes = BytesMut::new();
        put_first(claim, &mut bytes).unwrap();
        self.write(&bytes).await;
    }

    async fn send(&mut self, datagram: &[u8]) {
        if let Some(quic) = &self.quic
            && quic.offer_datagram(Bytes::copy_from_slice(datagram)).is_ok()
        {
            return;
        }
        let mut bytes = BytesMut::new();
        put_frame(datagram, &mut bytes).unwrap();
        self.write(&bytes).await;
    }

    async fn answer(&mut self) -> Option<CarrierAnswer> {
        within("an answer or the end", async {
            loop {
                if let Some(answer) = take_first(&mut self.unread).unwrap() {
                    return Some(answer);
                }
                if !matches!(self.reader.read_buf(&mut self.unread).await, Ok(1..)) {
                    return None;
                }
            }
        })
        .await
    }

    /// The next datagram; `None` at the end.
    async fn hear(&mut self) -> Option<BytesMut> {
        within("a datagram or the end", async {
            loop {
                if let Some(frame) = take_frame(&mut self.unread) {
                    return Some(frame);
                }
                let quic = self.quic.clone();
                let datagram = async {
                    match quic {
                        Some(quic) => quic.receive_datagram().await.ok(),
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    datagram = datagram => return datagram.map(BytesMut::from),
                    read = self.reader.read_buf(&mut self.unread) => if !matches!(read, Ok(1..)) {
                        return None;
                    },
                }
            }
        })
        .await
    }

    async fn until_ended(&mut self) {
        while self.hear().await.is_some() {}
    }
}

#[tokio::test]
async fn a_replica_that_proves_itself_speaks_with_the_hub_by_either_carrier() {
    let scene = Scene::start().await;
    let mut member = scene.member().await;
    for transport in TRANSPORTS {
        let mut wire = scene.accepted(transport, &member).await;
        member.connect(&mut wire).await;
        assert!(scene.hub.is_carried(&member.host.key), "{transport:?}");
        // Too large for any QUIC datagram: over the stream.
        wire.send(&vec![4; 40_000]).await;
        member.is_answered(&mut wire).await;
    }
}

#[tokio::test]
async fn whoever_cannot_prove_it_is_refused_in_words() {
    let scene = Scene::start().await;
    let member = scene.member().await;
    for transport in TRANSPORTS {
        let other = scene.dial(transport).await;
        let mut wire = scene.dial(transport).await;
        let good = member.claim(&wire.exporter);
        let stranger = IdentityPair::generate().unwrap().sign(&wire.exporter);
        let claims = [
            CarrierClaim {
                signature: stranger,
                ..good.clone()
            },
            CarrierClaim {
                connector: adit_model::ConnectorId::random(),
                ..good
            },
            member.claim(&other.exporter),
        ];
        for claim in claims {
            wire.say(&claim).await;
            let answer = wire.answer().await.unwrap();
            assert!(!answer.accepted && !answer.message.is_empty());
            wire.until_ended().await;
            wire = scene.dial(transport).await;
        }
    }
}

#[tokio::test]
async fn nonsense_cut_frames_and_silence_end_their_carrier_and_no_other() {
    let scene = Scene::start().await;
    let mut honest = scene.member().await;
    for transport in TRANSPORTS {
        let mut used = scene.accepted(transport, &honest).await;
        honest.connect(&mut used).await;
        let mut ending = Vec::new();
        // Silent ones are let go after a while.
        ending.push(scene.dial(transport).await);
        for bytes in [
            &[0xff; 600][..],
            &[0, 0],
            &[0, 3, b'[', b'1', b']'],
            &[0, 200, b'{'],
        ] {
            let mut wire = scene.dial(transport).await;
            wire.write(bytes).await;
            ending.push(wire);
        }
        let mut cut = scene.dial(transport).await;
        let mut bytes = BytesMut::new();
        put_first(&honest.claim(&cut.exporter), &mut bytes).unwrap();
        cut.write(&bytes[..bytes.len() / 2]).await;
        let _ = cut.writer.shutdown().await;
        ending.push(cut);
        for mut wire in ending {
            assert!(wire.answer().await.is_none());
        }
        honest.is_answered(&mut used).await;
    }
}

#[tokio::test]
async fn a_flood_of_one_replica_is_dropped_and_does_not_hold_up_another() {
    let scene = Scene::start().await;
    let (bad, mut good) = (scene.member().await, scene.member().await);
    for transport in TRANSPORTS {
        let mut used = scene.accepted(transport, &good).await;
        good.connect(&mut used).await;
        let mut flood = scene.accepted(transport, &bad).await;
        let mut flooding = JoinSet::new();
        flooding.spawn(async move {
            loop {
                flood.send(&[7; 900]).await;
                tokio::task::yield_now().await;
            }
        });
        let before: u64 = scene.hub.strangers().dropped.iter().sum();
        wait_for("the flood at the hub", async || {
            scene.hub.strangers().dropped.iter().sum::<u64>() > before + 200
        })
        .await;
        for _ in 0..20 {
            good.is_answered(&mut used).await;
        }
        flooding.shutdown().await;
    }
}

#[tokio::test]
async fn a_newer_carrier_takes_the_place_of_an_older_one_of_the_same_replica() {
    let scene = Scene::start().await;
    let mut member = scene.member().await;
    let mut older = scene.accepted(Transport::Tls, &member).await;
    member.connect(&mut older).await;
    let mut newer = scene.accepted(Transport::Quic, &member).await;
    older.until_ended().await;
    member.is_answered(&mut newer).await;
}

#[tokio::test]
async fn the_carrier_of_a_replica_that_is_unlinked_ends() {
    let scene = Scene::start().await;
    let mut member = scene.member().await;
    let mut wire = scene.accepted(Transport::Tls, &member).await;
    member.connect(&mut wire).await;
    // With it, it would enrol anew.
    member.node = None;
    scene.world.store.unlink(member.host.site, member.host.replica);
    wire.until_ended().await;
}

#[tokio::test]
async fn carriers_end_with_the_server() {
    let mut scene = Scene::start().await;
    let member = scene.member().await;
    let mut wires = Vec::new();
    for transport in TRANSPORTS {
        wires.push(scene.dial(transport).await);
    }
    wires.push(scene.accepted(Transport::Tls, &member).await);
    scene.world.stop_server().await;
    for mut wire in wires {
        wire.until_ended().await;
    }
}
