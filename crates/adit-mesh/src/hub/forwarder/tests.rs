use std::{collections::BTreeMap, time::Duration};

use adit_model::{PeerKey, TunnelKind};
use proptest::prelude::*;

use super::{
    super::{
        bucket::Bucket,
        packet::{
            bytes::{number, put},
            head::{V4_BYTES, sum_header},
            samples,
        },
        samples::Company,
    },
    *,
};

const A: &str = "10.10.0.5";
const B: &str = "10.20.0.7";
const A6: &str = "fd00:a::5";
const B6: &str = "fd00:b::7";

/// Two sites, a device, a site that nobody carries, a network of a `cfd_tunnel`; and sessions that remember.
struct Scene {
    table: Table,
    a: MemberIndex,
    b: MemberIndex,
    device: MemberIndex,
    own: [String; 2],
    forwarder: Forwarder,
    links: Remembered,
    now: Instant,
}

/// Packets and whom they went to.
type Sent = Vec<(MemberIndex, Vec<u8>)>;

#[derive(Default)]
struct Remembered {
    sent: Sent,
    handed: Vec<Handed>,
    takes_nothing: bool,
    mtus: BTreeMap<MemberIndex, u16>,
    closed: Option<MemberIndex>,
    told: Option<Bucket>,
}

impl Links for Remembered {
    fn mtu(&self, member: MemberIndex) -> u16 {
        self.mtus.get(&member).copied().unwrap_or(1420)
    }

    fn is_open(&self, member: MemberIndex) -> bool {
        self.closed != Some(member)
    }

    fn send(&mut self, to: MemberIndex, packet: BytesMut) -> bool {
        let is_open = self.is_open(to);
        if is_open {
            self.sent.push((to, packet.to_vec()));
        }
        is_open
    }

    fn may_tell(&mut self, _: MemberIndex, now: Instant) -> bool {
        let bucket = self.told.get_or_insert(Bucket::new(5, Duration::from_secs(1)));
        bucket.take(now)
    }

    fn hand_over(&mut self, handed: Handed) -> bool {
        if !self.takes_nothing {
            self.handed.push(handed);
        }
        !self.takes_nothing
    }
}

impl Scene {
    fn new() -> Self {
        let key = |byte| PeerKey::from_bytes([byte; 32]);
        let mut company = Company::new();
        company.site(key(1), &["10.10.0.0/24", "fd00:a::/64"]);
        company.site(key(2), &["10.20.0.0/24", "fd00:b::/64"]);
        let (_, own) = company.device(key(3));
        company.tunnel(TunnelKind::CfdTunnel, &["10.30.0.0/24"]);
        company.tunnel(TunnelKind::WarpConnector, &["10.40.0.0/24"]);
        let table = company.table();
        let [a, b, device] = [1, 2, 3].map(|byte| table.member_of(&key(byte)).unwrap());
        Self {
            table,
            a,
            b,
            device,
            own: [own.v4.to_string(), own.v6.to_string()],
            forwarder: Forwarder::default(),
            links: Remembered::default(),
            now: Instant::now(),
        }
    }

    /// What was sent when a member sent this.
    fn sends(&mut self, from: MemberIndex, packet: &[u8]) -> (Result<(), Dropped>, Sent) {
        let packet = BytesMut::from(packet);
        let done = self
            .forwarder
            .handle(&self.table, from, packet, self.now, &mut self.links);
        (done, std::mem::take(&mut self.links.sent))
    }

    /// That it was dropped for this, and the sender alone was told so.
    fn refuses(&mut self, from: MemberIndex, packet: &[u8], why: Dropped, told: Option<(u8, u8)>) {
        let (done, sent) = self.sends(from, packet);
        assert_eq!(done, Err(why));
        let told_here = sent.iter().map(|(to, answer)| {
            let head = Head::read(answer).unwrap();
            assert_eq!(
                (*to, head.destination),
                (from, Head::read(packet).unwrap().source)
            );
            let icmp = head.upper(answer);
            (icmp[0], icmp[1])
        });
        assert_eq!(
            told_here.collect::<Vec<_>>(),
            told.into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn packets_reach_the_other_site_with_one_hop_less_and_nothing_else_changed() {
    let mut scene = Scene::new();
    for (from, to) in [(A, B), (A6, B6)] {
        let packet = samples::udp(from, to, 64, b"hello");
        let (done, sent) = scene.sends(scene.a, &packet);
        assert_eq!(done, Ok(()));
        assert_eq!(sent, [(scene.b, samples::udp(from, to, 63, b"hello"))]);
    }
}

#[test]
fn what_connectors_reach_is_handed_over_with_what_its_path_takes() {
    let mut scene = Scene::new();
    let (device, [own, _]) = (scene.device, scene.own.clone());
    scene.links.mtus.insert(device, 1300);
    let syn = samples::syn(&own, "10.30.0.1", 2, &[2, 4, 5, 180]);
    assert_eq!(scene.sends(device, &syn), (Ok(()), Vec::new()));
    let [handed] = &scene.links.handed[..] else {
        panic!("one packet is handed over");
    };
    let offered = 1300_u16 - 40;
    let [high, low] = offered.to_be_bytes();
    assert_eq!(
        handed.packet,
        samples::syn(&own, "10.30.0.1", 2, &[2, 4, high, low])
    );
    assert_eq!((handed.mtu, handed.head.hops), (1300, 64));
    assert_eq!(handed.hub, Some("100.96.0.1".parse().unwrap()));

    scene.links.takes_nothing = true;
    scene.refuses(device, &syn, Dropped::ProxyFull, None);
    let last = samples::udp(&own, "10.30.0.1", 1, b"");
    scene.refuses(device, &last, Dropped::HopsUsedUp, Some((11, 0)));
}

#[test]
fn whatever_goes_nowhere_is_answered_with_the_kind_of_icmp_that_fits() {
    let mut scene = Scene::new();
    let (a, device) = (scene.a, scene.device);
    let [own, own6] = scene.own.clone();
    let denied = Dropped::Denied;
    let cases = [
        (
            a,
            samples::udp(A, "192.0.2.1", 64, b""),
            denied(Denial::NoRoute),
            Some((3, 0)),
        ),
        (
            a,
            samples::udp(A6, "fd00:c::1", 64, b""),
            denied(Denial::NoRoute),
            Some((1, 0)),
        ),
        (
            a,
            samples::udp(A, "10.10.0.9", 64, b""),
            denied(Denial::Sender),
            Some((3, 0)),
        ),
        (
            device,
            samples::udp(&own, "10.40.0.1", 64, b""),
            denied(Denial::NoCarrier),
            Some((3, 1)),
        ),
        (a, samples::udp(A, B, 1, b""), Dropped::HopsUsedUp, Some((11, 0))),
        (a, samples::udp(A, B, 0, b""), Dropped::HopsUsedUp, Some((11, 0))),
        (
            device,
            samples::udp(&own6, B6, 1, b""),
            Dropped::HopsUsedUp,
            Some((3, 0)),
        ),
        (
            a,
            samples::udp(B, A, 64, b""),
            denied(Denial::ForeignSource),
            None,
        ),
        (
            device,
            samples::udp(A, B, 64, b""),
            denied(Denial::ForeignSource),
            None,
        ),
        (a, samples::udp(A, "224.0.0.251", 64, b""), Dropped::Address, None),
    ];
    for (from, packet, why, told) in cases {
        scene.now += Duration::from_secs(1);
        scene.refuses(from, &packet, why, told);
    }
    let (done, sent) = scene.sends(a, b"no packet");
    assert_eq!((done, sent), (Err(Dropped::Malformed), vec![]));
}

#[test]
fn a_member_without_a_session_is_unreachable_and_the_answer_quotes_the_packet_as_it_was() {
    let mut scene = Scene::new();
    scene.links.closed = Some(scene.b);
    let packet = samples::udp(A, B, 64, b"hello");
    let (done, sent) = scene.sends(scene.a, &packet);
    assert_eq!(done, Err(Dropped::NoSession));
    let [(to, answer)] = sent.try_into().unwrap();
    assert_eq!(to, scene.a);
    assert!(answer.ends_with(&packet));
    assert_eq!(answer[V4_BYTES..V4_BYTES + 2], [3, 1]);
}

#[test]
fn how_often_a_member_is_told_is_limited() {
    let mut scene = Scene::new();
    let packet = samples::udp(A, "192.0.2.1", 64, b"");
    let told: usize = (0..100).map(|_| scene.sends(scene.a, &packet).1.len()).sum();
    assert_eq!(told, 5);
    scene.now += Duration::from_secs(2);
    let told: usize = (0..100).map(|_| scene.sends(scene.a, &packet).1.len()).sum();
    assert_eq!(told, 2);
}

#[test]
fn what_is_too_large_is_divided_if_it_may_be_and_answered_with_what_fits_if_not() {
    let mut scene = Scene::new();
    scene.links.mtus.insert(scene.b, 1280);
    let mut packet = samples::udp(A, B, 64, &[7; 1372]);
    assert_eq!(packet.len(), 1400);
    let (done, sent) = scene.sends(scene.a, &packet);
    assert_eq!(done, Ok(()));
    let lengths: Vec<usize> = sent.iter().map(|(_, piece)| piece.len()).collect();
    assert_eq!(lengths, [1276, 144]);
    assert!(
        sent.iter()
            .all(|(to, piece)| *to == scene.b && Head::read(piece).unwrap().hops == 63)
    );

    put(&mut packet, 6, &[0x40, 0]);
    sum_header(&mut packet[..V4_BYTES]).unwrap();
    scene.refuses(scene.a, &packet, Dropped::TooBig, Some((3, 4)));
    let (_, sent) = scene.sends(scene.a, &packet);
    assert_eq!(number(&sent[0].1, V4_BYTES + 6), Some(1280));
    let packet = samples::udp(A6, B6, 64, &[7; 1352]);
    scene.refuses(scene.a, &packet, Dropped::TooBig, Some((2, 0)));
    let fits = samples::udp(A6, B6, 64, &[7; 1232]);
    assert_eq!(fits.len(), 1280);
    assert_eq!(scene.sends(scene.a, &fits).1.len(), 1);
}

#[test]
fn tcp_is_offered_what_the_narrower_of_both_paths_carries() {
    let mut scene = Scene::new();
    let syn = |mss: u16| samples::syn(A, B, 2, &[[2, 4], mss.to_be_bytes()].concat());
    let offered = |packet: &[u8]| number(packet, V4_BYTES + 22).unwrap();
    let (_, sent) = scene.sends(scene.a, &syn(1460));
    assert_eq!(offered(&sent[0].1), 1380);
    scene.links.mtus.insert(scene.a, 1300);
    let (_, sent) = scene.sends(scene.a, &syn(1460));
    assert_eq!(offered(&sent[0].1), 1260);
    scene.links.mtus.insert(scene.b, 1280);
    let (_, sent) = scene.sends(scene.a, &syn(1460));
    assert_eq!(offered(&sent[0].1), 1240);
}

#[test]
fn the_hub_answers_a_ping_and_nothing_else() {
    let mut scene = Scene::new();
    let own = scene.own[0].clone();
    let hub = "100.96.0.1";
    let (done, sent) = scene.sends(scene.device, &samples::icmp(&own, hub, 8, 0, b"hello"));
    assert_eq!(done, Ok(()));
    assert_eq!(sent, [(scene.device, samples::icmp(hub, &own, 0, 0, b"hello"))]);
    let (_, sent) = scene.sends(scene.device, &samples::udp(&own, hub, 64, b""));
    assert_eq!(sent[0].1[V4_BYTES..V4_BYTES + 2], [3, 3]);
    // Nothing that the hub says is answered with more.
    let (_, sent) = scene.sends(scene.device, &samples::icmp(&own, hub, 3, 3, &[0; 28]));
    assert_eq!(sent, []);
}

#[test]
fn padding_does_not_travel_on() {
    let mut scene = Scene::new();
    let mut packet = samples::udp(A, B, 64, b"hello");
    packet.extend([0; 15]);
    let (_, sent) = scene.sends(scene.a, &packet);
    assert_eq!(sent[0].1, samples::udp(A, B, 63, b"hello"));
}

proptest! {
    #[test]
    fn no_packet_panics_grows_without_bound_or_leaves_by_another_way(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        first in prop::sample::select(vec![0x45_u8, 0x46, 0x60, 0x00]),
        good in any::<bool>(),
        mtu in 1280_u16..1500,
    ) {
        let mut scene = Scene::new();
        scene.links.mtus.insert(scene.b, mtu);
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        let packet = if good { samples::packet(A, B, 9, 6, &bytes) } else { bytes };
        let (_, sent) = scene.sends(scene.a, &packet);
        for (to, packet) in sent {
            prop_assert!(packet.len() <= usize::from(mtu));
            let head = Head::read(&packet);
            prop_assert!(head.is_ok() && (to == scene.a || to == scene.b));
        }
    }
}
