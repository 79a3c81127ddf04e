//! From a member by the hub to what connectors reach, and back.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_model::TunnelKind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
};

use super::*;
use crate::onramp::{Limits, Onramp, stub::Stub, tcp::peer::Peer};

const TO: &str = "10.30.0.7";

/// A world with a network behind connectors, which stands for a listener of this machine.
struct Proxied {
    world: World,
    stub: Arc<Stub>,
    /// Nothing once it has been stopped.
    onramp: Option<Onramp>,
    runtime: Runtime,
}

impl Proxied {
    fn new() -> Self {
        let mut world = World::new(1);
        world.company.tunnel(TunnelKind::CfdTunnel, &["10.30.0.0/24"]);
        world.install();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let stub = Arc::new(Stub::default());
        let onramp = {
            let _inside = runtime.enter();
            Onramp::start(Limits::default(), Arc::clone(&stub) as _, world.hub.answers())
        };
        world.hub.hand_over_to(onramp.intake());
        Self {
            world,
            stub,
            onramp: Some(onramp),
            runtime,
        }
    }

    /// Carries packets of a peer behind the member both ways until something is so.
    fn drive(&mut self, peer: &mut Peer, what: &str, mut is_so: impl FnMut(&mut Peer) -> bool) {
        let began = Instant::now();
        loop {
            for packet in peer.poll(Instant::now()) {
                self.world.a.send(&packet);
            }
            if is_so(peer) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
            if let Some(packet) = self.world.a.take() {
                peer.take(&packet);
            }
        }
    }
}

#[test]
fn a_site_reaches_tcp_behind_connectors_through_the_hub_and_other_packets_go_on() {
    let mut proxied = Proxied::new();
    let listener = proxied
        .runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    proxied.stub.leads_to(listener.local_addr().unwrap());
    let far = proxied.runtime.spawn_far_end(listener);
    let (from, to) = (
        SocketAddr::new(A.parse().unwrap(), 4000),
        SocketAddr::new(TO.parse().unwrap(), 80),
    );
    let mut peer = Peer::connect(from, to, MTU.into(), Instant::now());
    let sent: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    let (mut written, mut back, mut ended) = (0, Vec::new(), false);
    proxied.drive(&mut peer, "the end", |peer| {
        let socket = peer.socket();
        if socket.can_send() && written < sent.len() {
            written += socket.send_slice(&sent[written..]).unwrap();
        }
        if written == sent.len() && !std::mem::replace(&mut ended, true) {
            socket.close();
        }
        while socket.can_recv() {
            socket
                .recv(|bytes| (bytes.len(), back.extend_from_slice(bytes)))
                .unwrap();
        }
        ended && !socket.may_recv()
    });
    assert!(back == sent);
    assert_eq!(far.recv_timeout(Duration::from_secs(10)).unwrap(), sent.len());
    let dialled = proxied.stub.dialled();
    assert_eq!(dialled.len(), 1);
    assert_eq!(
        (dialled[0].0.network, dialled[0].1),
        (proxied.world.company.main, to)
    );
    proxied.world.works();
}

#[test]
fn pings_and_complaints_come_back_and_nothing_does_once_it_has_stopped() {
    let mut proxied = Proxied::new();
    proxied.world.a.send(&packets::icmp(A, TO, 8, 0, b"ping"));
    assert_eq!(icmp(&proxied.world.a.receive()), [0, 0]);
    proxied
        .stub
        .fails_with(adit_net::private::PrivateDialError::NoConnector);
    proxied.world.a.send(&packets::udp(A, TO, 64, b"hello"));
    let told = proxied.world.a.receive();
    assert_eq!(icmp(&told), [3, 1]);
    let hub = Head::read(&told).unwrap().source;
    assert_eq!(hub.to_string(), "100.96.0.1");
    let onramp = proxied.onramp.take().unwrap();
    proxied.runtime.block_on(onramp.stop());
    proxied.world.a.send(&packets::udp(A, TO, 64, b"hello"));
    until("the packet is dropped", || {
        proxied.world.dropped(Dropped::ProxyFull) == 1
    });
    proxied.world.works();
}

#[test]
fn datagrams_that_are_too_long_for_the_members_path_come_in_fragments() {
    let mut proxied = Proxied::new();
    let (account, network) = (proxied.world.company.account, proxied.world.company.main);
    let tunnel = adit_model::TunnelKey {
        account,
        tunnel: adit_model::TunnelId::random(),
    };
    for (from, to, pieces) in [("10.30.0.7", A, 2), ("fd00:c::7", "fd00:a::5", 2)] {
        let answer = Answer {
            network: adit_core::mesh::forwarding::Proxied { tunnel, network },
            to: to.parse().unwrap(),
            packet: packets::udp(from, to, 64, &[7; 2_000]).as_slice().into(),
            complains: false,
        };
        assert!(proxied.world.hub.answers().try_send(vec![answer]));
        let mut bytes = 0;
        for _ in 0..pieces {
            let piece = proxied.world.a.receive();
            let head = Head::read(&piece).unwrap();
            assert!(piece.len() <= usize::from(MTU) && head.part != crate::hub::packet::head::Part::Whole);
            bytes += head.upper(&piece).len();
        }
        assert!((2_008..=2_016).contains(&bytes), "{bytes}");
    }
    proxied.world.works();
}

#[test]
fn answers_follow_a_site_to_the_replica_that_takes_it_over() {
    let mut proxied = Proxied::new();
    let mut standby = Client::of(&proxied.world.hub);
    let a = proxied.world.a.key();
    let site = *proxied
        .world
        .company
        .carriers
        .active
        .iter()
        .find(|(site, replica)| {
            let linked = proxied.world.company.members.replica(**site, **replica);
            linked.is_some_and(|linked| linked.key == a)
        })
        .unwrap()
        .0;
    let (id, _) = proxied.world.company.replica(site, standby.key());
    proxied.world.install();
    standby.connect();
    let listener = proxied
        .runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    proxied.stub.leads_to(listener.local_addr().unwrap());
    let (from, to) = (
        SocketAddr::new(A.parse().unwrap(), 4000),
        SocketAddr::new(TO.parse().unwrap(), 80),
    );
    let mut peer = Peer::connect(from, to, MTU.into(), Instant::now());
    proxied.drive(&mut peer, "open", |peer| peer.socket().may_send());
    let (mut stream, _) = proxied.runtime.block_on(listener.accept()).unwrap();

    proxied.world.company.carriers.active.insert(site, id);
    proxied.world.install();
    proxied.world.a = standby;
    proxied
        .runtime
        .block_on(stream.write_all(b"still there"))
        .unwrap();
    proxied.drive(&mut peer, "what the far end says", |peer| {
        peer.socket().recv_queue() == b"still there".len()
    });
    peer.socket().send_slice(b"and here").unwrap();
    proxied.drive(&mut peer, "the acknowledgement", |peer| {
        peer.socket().send_queue() == 0
    });
    let mut got = [0; 8];
    proxied.runtime.block_on(stream.read_exact(&mut got)).unwrap();
    assert_eq!(&got, b"and here");
    assert_eq!(proxied.stub.dialled().len(), 1, "it is the same flow");
}

trait FarEnd {
    /// Says back what is said, once it has been said; tells how much that was.
    fn spawn_far_end(&self, listener: TcpListener) -> std::sync::mpsc::Receiver<usize>;
}

impl FarEnd for Runtime {
    fn spawn_far_end(&self, listener: TcpListener) -> std::sync::mpsc::Receiver<usize> {
        let (told, tells) = std::sync::mpsc::channel();
        // It ends with the runtime at the latest, which each test owns.
        drop(self.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.write_all(&all).await.unwrap();
            told.send(all.len()).unwrap();
        }));
        tells
    }
}
