//! A hub over loopback, with WireGuard peers that are played step by step.

use adit_core::mesh::forwarding::Denial;

use super::{
    packet::{
        head::{Head, V4_BYTES},
        samples as packets,
    },
    samples::Company,
    *,
};
use crate::noise::{HandshakeLimits, PrivateKey, Rejected};

mod bad;
mod client;
mod proxied;

use client::{Client, until};

const A: &str = "10.10.0.5";
const B: &str = "10.20.0.7";

fn config(threads: usize) -> HubConfig {
    HubConfig {
        threads,
        ..HubConfig::new(([127, 0, 0, 1], 0).into(), PrivateKey::generate().unwrap())
    }
}

/// A hub with two sites that have said hello, and a device that has not.
struct World {
    hub: Hub,
    company: Company,
    a: Client,
    b: Client,
    device: Client,
    device_id: adit_model::DeviceId,
    own: String,
}

impl World {
    fn new(threads: usize) -> Self {
        Self::with(config(threads))
    }

    fn with(config: HubConfig) -> Self {
        let hub = Hub::start(config).unwrap();
        let [mut a, mut b, device] = [(); 3].map(|()| Client::of(&hub));
        let mut company = Company::new();
        company.site(a.key(), &["10.10.0.0/24", "fd00:a::/64"]);
        company.site(b.key(), &["10.20.0.0/24", "fd00:b::/64"]);
        let (device_id, own) = company.device(device.key());
        hub.install(Arc::new(company.table()));
        a.connect();
        b.connect();
        Self {
            hub,
            company,
            a,
            b,
            device,
            device_id,
            own: own.v4.to_string(),
        }
    }

    fn install(&self) {
        self.hub.install(Arc::new(self.company.table()));
    }

    /// That packets still go from one site to the other and back.
    fn works(&mut self) {
        for (from, to) in [(A, B), ("fd00:a::5", "fd00:b::7")] {
            self.a.send(&packets::udp(from, to, 64, b"ping"));
            assert_eq!(self.b.receive(), packets::udp(from, to, 63, b"ping"));
            self.b.send(&packets::udp(to, from, 64, b"pong"));
            assert_eq!(self.a.receive(), packets::udp(to, from, 63, b"pong"));
        }
    }

    /// How much was dropped for this reason, whoever sent it.
    fn dropped(&self, why: Dropped) -> u64 {
        let members = self.hub.counters().into_iter().map(|(_, traffic)| traffic);
        members
            .chain([self.hub.strangers()])
            .map(|traffic| traffic.dropped[why.at()])
            .sum()
    }
}

/// Type and code of the ICMP in an IPv4 packet.
fn icmp(packet: &[u8]) -> [u8; 2] {
    assert!(Head::read(packet).unwrap().is_icmp());
    [packet[V4_BYTES], packet[V4_BYTES + 1]]
}

#[test]
fn sites_exchange_packets_of_both_families_and_sources_are_kept() {
    let mut world = World::new(1);
    world.works();
    let bytes: u64 = world
        .hub
        .counters()
        .iter()
        .map(|(_, traffic)| traffic.received_bytes)
        .sum();
    assert_eq!(bytes, 2 * (20 + 12) + 2 * (40 + 12));
    world.hub.shut_down();
}

#[test]
fn a_device_reaches_a_site_and_the_site_the_device() {
    let mut world = World::new(2);
    world.device.connect();
    world.device.send(&packets::udp(&world.own, B, 64, b"1"));
    assert_eq!(world.b.receive(), packets::udp(&world.own, B, 63, b"1"));
    world.b.send(&packets::udp(B, &world.own, 64, b"2"));
    assert_eq!(world.device.receive(), packets::udp(B, &world.own, 63, b"2"));
}

#[test]
fn a_member_sends_only_what_is_its_own_and_is_told_what_leads_nowhere() {
    let mut world = World::new(1);
    world.a.send(&packets::udp(B, A, 64, b"foreign"));
    world.a.send(&packets::udp(A, "192.0.2.1", 64, b"nowhere"));
    assert_eq!(icmp(&world.a.receive()), [3, 0]);
    world
        .a
        .send(&packets::udp(A, &world.own, 64, b"to one who never came"));
    assert_eq!(icmp(&world.a.receive()), [3, 1]);
    assert_eq!(world.dropped(Dropped::Denied(Denial::ForeignSource)), 1);
    assert_eq!(world.dropped(Dropped::Denied(Denial::NoRoute)), 1);
    assert_eq!(world.dropped(Dropped::NoSession), 1);
    world.works();
}

#[test]
fn tables_change_in_the_middle_of_a_flow_and_sessions_go_on() {
    let mut world = World::new(2);
    world.works();
    let mut c = Client::of(&world.hub);
    let (tunnel, _) = world.company.site(c.key(), &["10.20.0.7/32"]);
    world.install();
    c.connect();
    world.a.send(&packets::udp(A, B, 64, b"moved"));
    assert_eq!(c.receive(), packets::udp(A, B, 63, b"moved"));

    world.company.carriers.active.remove(&tunnel);
    world.install();
    world.a.send(&packets::udp(A, B, 64, b"nobody"));
    assert_eq!(icmp(&world.a.receive()), [3, 1]);
    world.a.send(&packets::udp(A, "10.20.0.8", 64, b"others"));
    assert_eq!(world.b.receive(), packets::udp(A, "10.20.0.8", 63, b"others"));
    assert_eq!((world.a.handshakes(), world.b.handshakes()), (1, 1));
}

#[test]
fn a_standby_takes_the_sites_packets_over() {
    let mut world = World::new(1);
    let mut standby = Client::of(&world.hub);
    let tunnel = *world.company.carriers.active.keys().next().unwrap();
    let carried = [A, B].into_iter().zip([&world.a, &world.b]);
    let keys: Vec<(&str, PeerKey)> = carried.map(|(own, client)| (own, client.key())).collect();
    let (id, _) = world.company.replica(tunnel, standby.key());
    world.install();
    standby.connect();
    world.works();
    world.company.carriers.active.insert(tunnel, id);
    world.install();
    // The tunnel was that of one of both sites; the other one sends there.
    let table = world.company.table();
    let moved_from = keys.iter().find(|(own, key)| {
        let from = table.member_of(key).unwrap();
        let own_address = own.parse().unwrap();
        matches!(
            table.verdict(from, own_address, own_address),
            adit_core::mesh::forwarding::Verdict::Denied(Denial::ForeignSource)
        )
    });
    let (moved, _) = *moved_from.unwrap();
    let (sender, from) = if moved == A {
        (&mut world.b, B)
    } else {
        (&mut world.a, A)
    };
    sender.send(&packets::udp(from, moved, 64, b"to the standby"));
    assert_eq!(
        standby.receive(),
        packets::udp(from, moved, 63, b"to the standby")
    );
}

#[test]
fn a_revoked_member_is_a_stranger_at_once() {
    let mut world = World::new(1);
    world.device.connect();
    world.device.send(&packets::udp(&world.own, B, 64, b"1"));
    assert!(!world.b.receive().is_empty());
    assert!(world.hub.last_heard(&world.device.key()).is_some());
    let before = world.dropped(Dropped::Stranger);

    world.company.revoke(world.device_id);
    world.install();
    world.device.send(&packets::udp(&world.own, B, 64, b"2"));
    until("the packet is dropped", || {
        world.dropped(Dropped::Stranger) == before + 1
    });
    world.device.begin();
    until("the handshake is dropped", || {
        world.dropped(Dropped::Stranger) == before + 2
    });
    assert_eq!(world.hub.last_heard(&world.device.key()), None);
    world.works();
}

#[test]
fn the_hub_calls_a_member_whose_session_has_ended_and_keeps_packets_meanwhile() {
    let mut world = World::new(1);
    // The member has lost its state, and has come back at the same address.
    world.b.forget();
    world.a.send(&packets::udp(A, B, 64, b"lost"));
    world.b.connect();
    world.works();
}

#[test]
fn a_member_moves_with_what_it_authenticates() {
    let mut world = World::new(1);
    let before = world.hub.endpoint(&world.a.key());
    world.a.rebind();
    world.works();
    assert_ne!(world.hub.endpoint(&world.a.key()), before);
}

#[test]
fn a_path_that_carries_less_is_told_of() {
    let mut world = World::with(HubConfig {
        mtu: 1300,
        ..config(1)
    });
    let big = packets::udp("fd00:a::5", "fd00:b::7", 64, &[7; 1300]);
    world.a.send(&big);
    let told = world.a.receive();
    assert_eq!(told[40..48], [2, 0, told[42], told[43], 0, 0, 5, 20]);
    let divided = packets::udp(A, B, 64, &[7; 1372]);
    world.a.send(&divided);
    let lengths = [world.b.receive().len(), world.b.receive().len()];
    assert_eq!(lengths, [1300, 120]);
}

#[test]
fn a_replica_that_takes_less_gets_less() {
    let mut world = World::new(1);
    let active = world.company.carriers.active.clone();
    world.company.carriers.mtus = active.into_iter().map(|site| (site, 1290)).collect();
    world.install();
    world
        .a
        .send(&packets::udp("fd00:a::5", "fd00:b::7", 64, &[7; 1300]));
    let told = world.a.receive();
    assert_eq!(told[40..42], [2, 0]);
    assert_eq!(u16::from_be_bytes([told[46], told[47]]), 1290);
    world.works();
}

#[test]
fn each_members_packets_stay_in_order_on_many_threads() {
    let hub = Hub::start(config(4)).unwrap();
    let mut company = Company::new();
    let mut sink = Client::of(&hub);
    company.site(sink.key(), &["10.99.0.0/24"]);
    let mut clients: Vec<Client> = (0..8).map(|_| Client::of(&hub)).collect();
    for (at, client) in clients.iter().enumerate() {
        company.site(client.key(), &[&format!("10.{at}.0.0/24")]);
    }
    hub.install(Arc::new(company.table()));
    sink.connect();
    for client in &mut clients {
        client.connect();
    }
    let mut next = [0_u32; 8];
    for round in 0..10 {
        // No more at once than fits into the socket at the end.
        for number in round * 10..round * 10 + 10 {
            for (at, client) in clients.iter_mut().enumerate() {
                let from = format!("10.{at}.0.1");
                client.send(&packets::udp(&from, "10.99.0.1", 64, &u32::to_be_bytes(number)));
            }
        }
        for _ in 0..10 * 8 {
            let packet = sink.receive();
            let from = usize::from(packet[13]);
            let number = u32::from_be_bytes(packet[28..32].try_into().unwrap());
            assert_eq!(number, next[from]);
            next[from] += 1;
        }
    }
}

#[test]
fn a_taken_port_is_an_error_whatever_the_number_of_threads() {
    let first = Hub::start(config(2)).unwrap();
    let again = |threads| {
        let config = HubConfig {
            listen: first.address(),
            ..config(threads)
        };
        Hub::start(config).map(drop).unwrap_err().kind()
    };
    assert_eq!([again(1), again(2)], [io::ErrorKind::AddrInUse; 2]);
}

#[test]
fn a_member_that_changes_its_key_is_reached_under_the_former_one_until_it_has_a_session() {
    let mut world = World::new(1);
    let mut next = Client::of(&world.hub);
    let key = world.a.key();
    let (tunnel, replica) = world
        .company
        .members
        .replicas()
        .find_map(|(tunnel, replica, linked)| (linked.key == key).then_some((tunnel, replica)))
        .unwrap();
    // The former key stays good beside it.
    world.company.rekey(tunnel, replica, next.key());
    world.company.carriers.former_keys.insert((tunnel, replica), key);
    world.install();
    world.works();

    next.begin();
    until("the handshake to be heard", || {
        world.hub.endpoint(&next.key()).is_some()
    });
    world.works();
    next.connect();
    world.a = next;
    world.works();
}
