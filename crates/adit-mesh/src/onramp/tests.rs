//! Flows from packets to sockets of this machine, which stand for what connectors reach.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::mesh::forwarding::{Proxied, Who};
use adit_model::{AccountId, DeviceId, TunnelId, TunnelKey, VirtualNetworkId};
use adit_testing::wait_for;
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    sync::mpsc,
};

use super::{stub::Stub, tcp::peer::Peer, *};
use crate::hub::{
    Answer,
    packet::{
        head::{Head, V4_BYTES},
        samples,
    },
};

const FROM: &str = "10.10.0.5";
const TO: &str = "10.30.0.7";
const LONG: Duration = Duration::from_secs(10);

/// An onramp whose hub is this test.
struct World {
    onramp: Onramp,
    answers: mpsc::Receiver<Vec<Answer>>,
    ready: std::collections::VecDeque<Answer>,
    stub: Arc<Stub>,
    who: Who,
    to: Proxied,
}

impl World {
    fn new(limits: Limits) -> Self {
        let stub = Arc::new(Stub::default());
        let (answers, receiver) = Answers::channel();
        let account = AccountId::random();
        let tunnel = TunnelKey {
            account,
            tunnel: TunnelId::random(),
        };
        Self {
            onramp: Onramp::start(limits, Arc::clone(&stub) as _, answers),
            answers: receiver,
            ready: Default::default(),
            stub,
            who: Who::Device(account, DeviceId::random()),
            to: Proxied {
                tunnel,
                network: VirtualNetworkId::random(),
            },
        }
    }

    fn send(&self, packet: &[u8]) {
        let handed = Handed::new(BytesMut::from(packet), self.who, self.to, 1400).unwrap();
        assert!(self.onramp.intake().take(handed));
    }

    async fn answer(&mut self) -> Answer {
        while self.ready.is_empty() {
            let batch = tokio::time::timeout(LONG, self.answers.recv()).await;
            self.ready.extend(batch.expect("no answer").unwrap());
        }
        self.ready.pop_front().unwrap()
    }

    /// Carries packets of a peer both ways until something is so.
    async fn drive(&mut self, peer: &mut Peer, what: &str, mut is_so: impl FnMut(&mut Peer) -> bool) {
        let began = Instant::now();
        loop {
            for packet in peer.poll(Instant::now()) {
                self.send(&packet);
            }
            if is_so(peer) {
                return;
            }
            assert!(began.elapsed() < LONG, "never: {what}");
            let now = Instant::now();
            let next = peer
                .next(now)
                .map_or(LONG, |at| at.saturating_duration_since(now));
            let next = next.clamp(Duration::from_millis(1), Duration::from_millis(200));
            if let Ok(answer) = tokio::time::timeout(next, self.answer()).await {
                assert_eq!((answer.to, answer.network), (FROM.parse().unwrap(), self.to));
                // What is for another peer would be answered with a reset.
                let port = peer.socket().local_endpoint().map(|local| local.port);
                for answer in std::iter::once(answer).chain(self.ready.drain(..)) {
                    if port.is_none_or(|port| port == port_of(&answer)) {
                        peer.take(&answer.packet);
                    }
                }
            }
        }
    }
}

fn peer(port: u16) -> Peer {
    let to = SocketAddr::new(TO.parse().unwrap(), 80);
    Peer::connect(
        SocketAddr::new(FROM.parse().unwrap(), port),
        to,
        1400,
        Instant::now(),
    )
}

/// The port that a TCP packet is for.
fn port_of(answer: &Answer) -> u16 {
    u16::from_be_bytes(answer.packet[V4_BYTES + 2..V4_BYTES + 4].try_into().unwrap())
}

/// Type and code of the ICMP in a packet.
fn icmp(packet: &[u8]) -> [u8; 2] {
    assert!(Head::read(packet).unwrap().is_icmp());
    [packet[V4_BYTES], packet[V4_BYTES + 1]]
}

#[tokio::test]
async fn a_tcp_flow_opens_once_the_far_end_has_and_carries_bytes_and_ends_both_ways() {
    let mut world = World::new(Limits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.stub.leads_to(listener.local_addr().unwrap());
    let sent: Vec<u8> = (0..500_000_u32).map(|at| (at % 251) as u8).collect();
    let far = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
        // Dropping it ends the other way.
        all.len()
    };
    let (mut written, mut back, mut ended) = (0, Vec::new(), false);
    let mut member = peer(4000);
    let near = world.drive(&mut member, "the end", |peer| {
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
    let (carried, ()) = tokio::join!(far, near);
    assert_eq!(carried, sent.len());
    assert!(back == sent);
    let dialled = world.stub.dialled();
    assert_eq!(dialled.len(), 1);
    assert_eq!(dialled[0].0.network, world.to.network);
    assert_eq!(dialled[0].1, SocketAddr::new(TO.parse().unwrap(), 80));
    world.onramp.stop().await;
}

#[tokio::test]
async fn what_refuses_resets_and_what_is_not_reached_is_told_in_icmp() {
    use adit_net::private::PrivateDialError as Error;
    let mut world = World::new(Limits::default());
    let syn = samples::syn(FROM, TO, 2, &[2, 4, 5, 180]);
    let datagram = samples::udp(FROM, TO, 64, b"hello");
    let at: SocketAddr = "10.30.0.7:2000".parse().unwrap();
    let cases = [
        (Error::NoRoute(at), [3, 0]),
        (Error::Forbidden(at), [3, 13]),
        (Error::NoConnector, [3, 1]),
        (Error::OnlyHttp2, [3, 1]),
        (Error::TimedOut, [3, 1]),
        (Error::Broken("it broke".to_owned()), [3, 1]),
        (
            Error::Refused("dial tcp 10.30.0.7:2000: connect: no route to host".to_owned()),
            [3, 1],
        ),
    ];
    for (error, expected) in cases {
        world.stub.fails_with(error.clone());
        for packet in [&syn, &datagram] {
            world.send(packet);
            let answer = world.answer().await;
            assert_eq!(icmp(&answer.packet), expected, "{error}");
            assert!(answer.complains);
        }
    }
    world
        .stub
        .fails_with(Error::Refused("connection refused".to_owned()));
    world.send(&datagram);
    assert_eq!(icmp(&world.answer().await.packet), [3, 3]);
    world.send(&syn);
    let answer = world.answer().await;
    assert_eq!(answer.packet[V4_BYTES + 13], 0x14, "a reset");
}

#[tokio::test]
async fn a_far_end_that_breaks_resets_the_member_and_a_reset_member_breaks_the_far_end() {
    let mut world = World::new(Limits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.stub.leads_to(listener.local_addr().unwrap());
    let mut member = peer(4000);
    world
        .drive(&mut member, "open", |peer| peer.socket().may_send())
        .await;
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    world
        .drive(&mut member, "the reset", |peer| !peer.socket().is_open())
        .await;

    let mut member = peer(4001);
    world
        .drive(&mut member, "open", |peer| peer.socket().may_send())
        .await;
    let (mut stream, _) = listener.accept().await.unwrap();
    member.socket().abort();
    for packet in member.poll(Instant::now()) {
        world.send(&packet);
    }
    let read = tokio::time::timeout(LONG, stream.read(&mut [0; 8]))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn packets_of_flows_that_are_over_are_answered_with_a_reset() {
    let mut world = World::new(Limits::default());
    world.send(&samples::syn(FROM, TO, 0x10, &[]));
    let answer = world.answer().await;
    assert_eq!(answer.packet[V4_BYTES + 13], 4);
    // And nobody is asked for that.
    assert_eq!(world.stub.dialled(), []);
}

#[tokio::test]
async fn a_flood_of_syns_costs_so_many_dials_and_leaves_the_others_alone() {
    let limits = Limits {
        member_opening: 16,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.stub.hangs();
    for port in 0..2_000_u16 {
        let mut syn = samples::syn(FROM, TO, 2, &[2, 4, 5, 180]);
        syn[20..22].copy_from_slice(&(port + 1).to_be_bytes());
        syn[36..38].fill(0);
        let syn = samples::tcp(FROM, TO, syn[20..].to_vec());
        world.send(&syn);
        if port % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let flooder = world.who;
    world.who = Who::Device(world.to.tunnel.account, DeviceId::random());
    let listener = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    world.stub.leads_to(listener.local_addr().unwrap());
    world.send(&samples::udp(FROM, TO, 64, b"another one's"));
    let mut got = [0; 64];
    let received = tokio::time::timeout(LONG, listener.recv(&mut got)).await;
    assert_eq!(&got[..received.unwrap().unwrap()], b"another one's");
    assert_eq!(world.stub.dialled().len(), 16 + 1);
    assert_ne!(flooder, world.who);
}

#[tokio::test]
async fn a_syn_that_is_sent_again_or_taken_back_while_the_far_end_is_dialled_dials_once() {
    let mut world = World::new(Limits::default());
    world.stub.hangs();
    let syn = samples::syn(FROM, TO, 2, &[2, 4, 5, 180]);
    world.send(&syn);
    world.send(&syn);
    let stub = Arc::clone(&world.stub);
    adit_testing::wait_within(LONG, "the dial", async || stub.dialled().len() == 1).await;
    // The number after the SYN's, as whoever takes it back sends it.
    let mut back = samples::syn(FROM, TO, 4, &[])[20..].to_vec();
    back[4..8].copy_from_slice(&2_u32.to_be_bytes());
    back[16..18].fill(0);
    world.send(&samples::tcp(FROM, TO, back));
    adit_testing::wait_within(LONG, "the dial is given up", async || stub.given_up() == 1).await;
    assert_eq!(stub.dialled().len(), 1);
    // Once its task has ended, nothing is left of it.
    let answer = loop {
        world.send(&samples::syn(FROM, TO, 0x10, &[]));
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(50), world.answer()).await {
            break answer;
        }
    };
    assert_eq!(answer.packet[V4_BYTES + 13], 4);
}

#[tokio::test]
async fn datagrams_go_both_ways_and_too_large_ones_are_told_of() {
    let mut world = World::new(Limits::default());
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    world.stub.leads_to(far.local_addr().unwrap());
    world.send(&samples::udp(FROM, TO, 64, b"question"));
    let mut got = [0; 64];
    let (length, from) = far.recv_from(&mut got).await.unwrap();
    assert_eq!(&got[..length], b"question");
    for answer in [b"one", b"two"] {
        far.send_to(answer, from).await.unwrap();
        let packet = world.answer().await.packet;
        let head = Head::read(&packet).unwrap();
        assert_eq!((head.source, head.destination), (ip(TO), ip(FROM)));
        assert_eq!(packet[20..24], [7, 208, 3, 232], "the ports are exchanged");
        assert!(packet.ends_with(answer));
    }
    world.send(&samples::udp(FROM, TO, 64, &[7; 1300]));
    let told = world.answer().await.packet;
    assert_eq!(icmp(&told), [3, 4]);
    assert_eq!(told[26..28], 1308_u16.to_be_bytes());
    assert_eq!(world.stub.dialled().len(), 1, "it is one flow");
}

#[tokio::test]
async fn pings_are_answered_and_routers_on_the_way_are_heard() {
    let mut world = World::new(Limits::default());
    for (from, to, request, reply) in [(FROM, TO, 8, 0), ("fd00:a::5", "fd00:c::7", 128, 129)] {
        world.send(&samples::icmp(from, to, request, 0, b"ping"));
        let packet = world.answer().await.packet;
        let head = Head::read(&packet).unwrap();
        assert_eq!((head.source, head.destination), (ip(to), ip(from)));
        let expected = samples::icmp(to, from, reply, 0, b"ping");
        assert_eq!(head.upper(&packet), &expected[head.header..]);
    }
    // The hub takes a hop, and the connector is a router.
    let mut short = samples::icmp(FROM, TO, 8, 0, b"ping");
    short[8] = 2;
    crate::hub::packet::head::sum_header(&mut short[..V4_BYTES]).unwrap();
    world.send(&short);
    let told = world.answer().await.packet;
    assert_eq!(icmp(&told), [11, 0]);
    assert_eq!(
        Head::read(&told).unwrap().source,
        IpAddr::V4(Ipv4Addr::new(10, 30, 0, 254))
    );
    assert_eq!(told[48..50], short[20..22], "it quotes the request");
    assert_eq!(told[52..56], short[24..28]);
    world.send(&samples::icmp(FROM, TO, 8, 0, &[7; 1290]));
    assert_eq!(icmp(&world.answer().await.packet), [3, 4]);
}

#[tokio::test]
async fn stopping_ends_every_flow_and_resets_the_members() {
    let mut world = World::new(Limits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.stub.leads_to(listener.local_addr().unwrap());
    let (mut streams, mut members) = (Vec::new(), Vec::new());
    for port in 4000..4010 {
        let mut member = peer(port);
        world
            .drive(&mut member, "open", |peer| peer.socket().may_send())
            .await;
        streams.push(listener.accept().await.unwrap().0);
        members.push(member);
    }
    // One that is still dialled: its member sends its SYN again, to whoever serves then.
    world.stub.hangs();
    world.send(&peer(4010).poll(Instant::now())[0]);
    wait_for("the last dial", async || world.stub.dialled().len() == 11).await;
    let ports: BTreeSet<u16> = streams
        .iter()
        .map(|stream| stream.peer_addr().unwrap().port())
        .collect();
    assert_eq!(ports.len(), 10);
    world.onramp.stop().await;
    for mut stream in streams {
        let read = tokio::time::timeout(LONG, stream.read(&mut [0; 8]))
            .await
            .unwrap();
        assert!(matches!(read, Ok(0) | Err(_)));
    }
    let mut reset = BTreeSet::new();
    while let Some(batch) = world.answers.recv().await {
        for answer in batch {
            let (port, flags) = (port_of(&answer), answer.packet[V4_BYTES + 13]);
            members[usize::from(port) - 4000].take(&answer.packet);
            // Other segments may have waited.
            if flags & 4 != 0 {
                assert!(reset.insert(port), "one reset is enough");
            }
        }
    }
    assert!(reset.into_iter().eq(4000..4010));
    for member in &mut members {
        member.poll(Instant::now());
        assert_eq!(member.socket().state(), smoltcp::socket::tcp::State::Closed);
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
