use std::net::{Ipv4Addr, Ipv6Addr};

use adit_model::{
    ConfigSource, ConfigVersion, IdentityKey, RouteId, SecretDigest, Timestamp, TunnelId, TunnelKind,
    VirtualNetworkId,
};

use super::*;
use crate::{
    mesh::MeshRanges,
    networks::Network,
    port::{
        Change, LinkedReplica, MeshChange, MeshDevice, NamedNetwork, PrivateChange, PrivateRoute, TunnelEntry,
    },
};

mod naive;

/// Members of one account, made by hand.
struct Scene {
    account: AccountId,
    default: VirtualNetworkId,
    members: Members,
    carriers: Carriers,
    joined: u8,
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self {
            account: AccountId::random(),
            default: VirtualNetworkId::random(),
            members: Members::default(),
            carriers: Carriers::default(),
            joined: 0,
        };
        scene.name(scene.default, "main", true);
        let mut ranges = crate::networks::initial_subnets(scene.account)
            .into_iter()
            .filter(|subnet| subnet.kind == crate::networks::SubnetKind::Warp)
            .map(|subnet| subnet.network);
        let ranges = MeshRanges::new(ranges.next().unwrap(), ranges.next().unwrap());
        let change = MeshChange::Ranges(scene.account, Some(ranges.unwrap()));
        scene.members.apply(&Change::Mesh(change));
        scene
    }

    fn name(&mut self, id: VirtualNetworkId, name: &str, is_default: bool) {
        let named = NamedNetwork {
            name: name.parse().unwrap(),
            is_default,
        };
        let change = PrivateChange::VirtualNetwork(self.account, id, Some(named));
        self.members.apply(&Change::Private(change));
    }

    fn tunnel(&mut self, kind: TunnelKind) -> TunnelKey {
        let key = TunnelKey {
            account: self.account,
            tunnel: TunnelId::random(),
        };
        self.members.apply(&Change::Tunnel(key, Some(entry(kind, false))));
        key
    }

    /// Addresses and key of the next member.
    fn next(&mut self) -> (MeshAddresses, PeerKey) {
        self.joined += 1;
        let first = initial_v6(self.account);
        let addresses = MeshAddresses {
            v4: [100, 96, 0, 1 + self.joined].into(),
            v6: Ipv6Addr::from_bits(first.to_bits() + 1 + u128::from(self.joined)),
        };
        (addresses, PeerKey::from_bytes([self.joined; 32]))
    }

    fn replica(&mut self, tunnel: TunnelKey) -> (ConnectorId, LinkedReplica) {
        let (addresses, key) = self.next();
        let replica = LinkedReplica {
            identity: IdentityKey::from_bytes([self.joined; 32]),
            key,
            addresses,
            linked_at: at(),
        };
        let id = ConnectorId::random();
        let change = MeshChange::Replica(tunnel, id, Some(replica.clone()));
        self.members.apply(&Change::Mesh(change));
        (id, replica)
    }

    /// A site with one replica, which carries.
    fn site(&mut self, routes: &[(&str, VirtualNetworkId)]) -> (TunnelKey, LinkedReplica) {
        let tunnel = self.tunnel(TunnelKind::WarpConnector);
        let (id, replica) = self.replica(tunnel);
        self.carriers.active.insert(tunnel, id);
        for (network, space) in routes {
            self.route(network, *space, tunnel);
        }
        (tunnel, replica)
    }

    fn device(&mut self, space: VirtualNetworkId) -> MeshDevice {
        let (addresses, key) = self.next();
        let device = MeshDevice {
            name: format!("device {}", self.joined).parse().unwrap(),
            key,
            addresses,
            virtual_network: space,
            created_at: at(),
        };
        let change = MeshChange::Device(self.account, DeviceId::random(), Some(device.clone()));
        self.members.apply(&Change::Mesh(change));
        device
    }

    fn route(&mut self, network: &str, space: VirtualNetworkId, tunnel: TunnelKey) -> RouteId {
        let route = PrivateRoute {
            network: network.parse().unwrap(),
            virtual_network: space,
            tunnel: tunnel.tunnel,
        };
        let id = RouteId::random();
        let change = PrivateChange::Route(self.account, id, Some(route));
        self.members.apply(&Change::Private(change));
        id
    }

    fn table(&self) -> Table {
        build(&self.members, &self.carriers)
    }

    fn verdict(&self, from: PeerKey, source: &str, destination: &str) -> Told {
        let table = self.table();
        let from = table.member_of(&from).unwrap();
        match table.verdict(from, source.parse().unwrap(), destination.parse().unwrap()) {
            Verdict::To(to) => Told::To(table.member(to).unwrap().keys[0]),
            Verdict::Hub => Told::Hub,
            Verdict::Proxied(to) => Told::Proxied(to.tunnel, to.network),
            Verdict::Denied(denial) => Told::Denied(denial),
        }
    }
}

/// A verdict with a name that means something beyond its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    To(PeerKey),
    Hub,
    Proxied(TunnelKey, VirtualNetworkId),
    Denied(Denial),
}

fn entry(kind: TunnelKind, deleted: bool) -> TunnelEntry {
    TunnelEntry {
        kind,
        deleted,
        config_source: ConfigSource::Cloudflare,
        config_version: ConfigVersion::default(),
        secret: SecretDigest::of(b"secret"),
    }
}

fn replica_of(scene: &Scene, key: PeerKey) -> ConnectorId {
    let mut all = scene.members.replicas();
    all.find(|(_, _, linked)| linked.key == key).unwrap().1
}

fn at() -> Timestamp {
    Timestamp::from_unix_micros(0).unwrap()
}

fn initial_v6(account: AccountId) -> Ipv6Addr {
    let mut subnets = crate::networks::initial_subnets(account).into_iter();
    subnets
        .find_map(|subnet| match subnet.network.first() {
            IpAddr::V6(first) if subnet.kind == crate::networks::SubnetKind::Warp => Some(first),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        })
        .unwrap()
}

#[test]
fn two_sites_of_a_network_reach_each_other_and_send_only_what_is_theirs() {
    let mut scene = Scene::new();
    let space = scene.default;
    let (_, a) = scene.site(&[("10.10.0.0/24", space), ("fd00:a::/64", space)]);
    let (_, b) = scene.site(&[("10.20.0.0/24", space), ("fd00:b::/64", space)]);
    assert_eq!(scene.verdict(a.key, "10.10.0.5", "10.20.0.7"), Told::To(b.key));
    assert_eq!(scene.verdict(b.key, "fd00:b::5", "fd00:a::7"), Told::To(a.key));
    let (own_a, own_b) = (a.addresses.v4.to_string(), b.addresses.v4.to_string());
    assert_eq!(scene.verdict(a.key, &own_a, &own_b), Told::To(b.key));
    assert_eq!(scene.verdict(a.key, &own_a, "10.20.0.7"), Told::To(b.key));
    for foreign in ["10.20.0.5", "192.0.2.1", &own_b, "fd00:b::5"] {
        let told = scene.verdict(a.key, foreign, "10.20.0.7");
        assert_eq!(told, Told::Denied(Denial::ForeignSource), "{foreign}");
    }
    assert_eq!(
        scene.verdict(a.key, "10.10.0.5", "10.30.0.1"),
        Told::Denied(Denial::NoRoute)
    );
    assert_eq!(
        scene.verdict(a.key, "10.10.0.5", "10.10.0.9"),
        Told::Denied(Denial::Sender)
    );
}

#[test]
fn of_a_sites_replicas_only_the_one_that_carries_sends_and_gets_what_is_the_sites() {
    let mut scene = Scene::new();
    let space = scene.default;
    let (_, a) = scene.site(&[("10.10.0.0/24", space)]);
    let (tunnel, first) = scene.site(&[("10.20.0.0/24", space)]);
    let (second_id, second) = scene.replica(tunnel);
    let foreign = Told::Denied(Denial::ForeignSource);
    assert_eq!(scene.verdict(second.key, "10.20.0.5", "10.10.0.5"), foreign);
    let own = second.addresses.v4.to_string();
    assert_eq!(scene.verdict(second.key, &own, "10.10.0.5"), Told::To(a.key));
    assert_eq!(scene.verdict(a.key, "10.10.0.5", &own), Told::To(second.key));

    scene.carriers.active.insert(tunnel, second_id);
    assert_eq!(
        scene.verdict(a.key, "10.10.0.5", "10.20.0.5"),
        Told::To(second.key)
    );
    assert_eq!(scene.verdict(first.key, "10.20.0.5", "10.10.0.5"), foreign);

    let first_id = replica_of(&scene, first.key);
    scene.carriers.accepted.insert((tunnel, first_id));
    assert_eq!(
        scene.verdict(first.key, "10.20.0.5", "10.10.0.5"),
        Told::To(a.key),
        "what it had in hand is not lost"
    );
    let (own_second, of_second) = (second.addresses.v4.to_string(), "10.20.0.9");
    assert_eq!(
        scene.verdict(first.key, &own_second, "10.10.0.5"),
        foreign,
        "not its address"
    );
    let back = scene.verdict(first.key, "10.20.0.5", of_second);
    assert_eq!(back, Told::Denied(Denial::Sender), "nothing goes round");
    assert_eq!(
        scene.verdict(a.key, "10.10.0.5", "10.20.0.5"),
        Told::To(second.key),
        "and nothing more goes there"
    );

    scene.carriers.active.remove(&tunnel);
    let told = scene.verdict(a.key, "10.10.0.5", "10.20.0.5");
    assert_eq!(told, Told::Denied(Denial::NoCarrier));
}

#[test]
fn nothing_leads_from_one_virtual_network_to_another() {
    let mut scene = Scene::new();
    let (space, side) = (scene.default, VirtualNetworkId::random());
    let (_, main) = scene.site(&[("10.10.0.0/24", space)]);
    let (_, both) = scene.site(&[("10.20.0.0/24", space), ("10.21.0.0/24", side)]);
    let (inside, beside) = (scene.device(space), scene.device(side));
    let no_route = || Told::Denied(Denial::NoRoute);
    let [in_main, in_side] = [&inside, &beside].map(|device| device.addresses.v4.to_string());
    assert_eq!(
        scene.verdict(inside.key, &in_main, "10.10.0.5"),
        Told::To(main.key)
    );
    assert_eq!(scene.verdict(beside.key, &in_side, "10.10.0.5"), no_route());
    assert_eq!(
        scene.verdict(beside.key, &in_side, "10.21.0.5"),
        Told::To(both.key)
    );
    assert_eq!(scene.verdict(inside.key, &in_main, "10.21.0.5"), no_route());
    assert_eq!(scene.verdict(inside.key, &in_main, &in_side), no_route());
    // The site that is in both passes nothing on, and answers each in its own network.
    assert_eq!(
        scene.verdict(both.key, "10.21.0.5", &in_side),
        Told::To(beside.key)
    );
    assert_eq!(scene.verdict(both.key, "10.21.0.5", &in_main), no_route());
    assert_eq!(scene.verdict(both.key, "10.20.0.5", &in_side), no_route());
    let own = both.addresses.v4.to_string();
    for device in [&inside, &beside] {
        let theirs = device.addresses.v4.to_string();
        assert_eq!(scene.verdict(both.key, &own, &theirs), Told::To(device.key));
        assert_eq!(scene.verdict(device.key, &theirs, &own), Told::To(both.key));
    }
}

#[test]
fn the_longest_prefix_counts_for_sources_too() {
    let mut scene = Scene::new();
    let space = scene.default;
    let (_, wide) = scene.site(&[("10.0.0.0/8", space)]);
    let (_, narrow) = scene.site(&[("10.1.0.0/16", space)]);
    assert_eq!(
        scene.verdict(wide.key, "10.2.0.1", "10.1.0.1"),
        Told::To(narrow.key)
    );
    let told = scene.verdict(wide.key, "10.1.0.1", "100.96.0.3");
    assert_eq!(told, Told::Denied(Denial::ForeignSource));
}

#[test]
fn no_route_takes_a_members_own_address_away() {
    let mut scene = Scene::new();
    let space = scene.default;
    let device = scene.device(space);
    let own = device.addresses.v4.to_string();
    let (_, greedy) = scene.site(&[("0.0.0.0/0", space), (&format!("{own}/32"), space)]);
    let (_, other) = scene.site(&[("10.1.0.0/16", space)]);
    assert_eq!(scene.verdict(other.key, "10.1.0.1", &own), Told::To(device.key));
    assert_eq!(
        scene.verdict(other.key, "10.1.0.1", "192.0.2.1"),
        Told::To(greedy.key)
    );
    let told = scene.verdict(greedy.key, &own, "10.1.0.1");
    assert_eq!(told, Told::Denied(Denial::ForeignSource));
}

#[test]
fn a_connectors_network_is_proxied_and_a_deleted_tunnels_route_is_none() {
    let mut scene = Scene::new();
    let space = scene.default;
    let device = scene.device(space);
    let own = device.addresses.v4.to_string();
    let connector = scene.tunnel(TunnelKind::CfdTunnel);
    scene.route("10.30.0.0/16", space, connector);
    let told = scene.verdict(device.key, &own, "10.30.0.1");
    assert_eq!(told, Told::Proxied(connector, space));
    let gone = Change::Tunnel(connector, Some(entry(TunnelKind::CfdTunnel, true)));
    assert!(scene.members.apply(&gone));
    assert!(!scene.members.apply(&gone), "nothing changes twice");
    let told = scene.verdict(device.key, &own, "10.30.0.1");
    assert_eq!(told, Told::Denied(Denial::NoRoute));
}

#[test]
fn answers_of_connectors_go_to_whoever_carries_the_address_in_that_virtual_network() {
    let mut scene = Scene::new();
    let (space, side) = (scene.default, VirtualNetworkId::random());
    let (tunnel, first) = scene.site(&[("10.10.0.0/24", space)]);
    let (second_id, second) = scene.replica(tunnel);
    let connector = scene.tunnel(TunnelKind::CfdTunnel);
    scene.route("10.30.0.0/16", space, connector);
    scene.route("10.10.0.0/24", side, connector);
    let leads = |scene: &Scene, network, address: &str| {
        let table = scene.table();
        let to = table.leads_to(scene.account, network, address.parse().unwrap())?;
        Some(table.member(to).unwrap().keys[0])
    };
    assert_eq!(leads(&scene, space, "10.10.0.5"), Some(first.key));
    let own = second.addresses.v6.to_string();
    assert_eq!(leads(&scene, space, &own), Some(second.key));
    scene.carriers.active.insert(tunnel, second_id);
    assert_eq!(leads(&scene, space, "10.10.0.5"), Some(second.key));
    scene.carriers.active.remove(&tunnel);
    for (network, address) in [(space, "10.10.0.5"), (space, "10.30.0.1"), (side, "10.10.0.5")] {
        assert_eq!(leads(&scene, network, address), None, "{address}");
    }
}

#[test]
fn accounts_may_use_the_same_addresses_and_never_meet() {
    let (mut one, mut other) = (Scene::new(), Scene::new());
    other.joined = 10;
    let (space, other_space) = (one.default, other.default);
    let (_, a) = one.site(&[("10.10.0.0/24", space)]);
    other.site(&[("10.10.0.0/24", other_space), ("10.20.0.0/24", other_space)]);
    let mut all = one.members.clone();
    all.tunnels.extend(other.members.tunnels);
    all.replicas.extend(other.members.replicas);
    all.routes.extend(other.members.routes);
    all.defaults.extend(other.members.defaults);
    one.members = all;
    one.carriers.active.extend(other.carriers.active);
    let told = one.verdict(a.key, "10.10.0.5", "10.20.0.5");
    assert_eq!(told, Told::Denied(Denial::NoRoute));
    assert_eq!(
        one.verdict(a.key, "10.10.0.5", "100.96.0.12"),
        Told::Denied(Denial::NoRoute)
    );
}

#[test]
fn the_hub_has_the_first_address_of_each_range() {
    let mut scene = Scene::new();
    let device = scene.device(scene.default);
    let own = device.addresses.v4.to_string();
    assert_eq!(scene.verdict(device.key, &own, "100.96.0.1"), Told::Hub);
    let hub = Ipv6Addr::from_bits(initial_v6(scene.account).to_bits() + 1);
    let own = device.addresses.v6.to_string();
    assert_eq!(scene.verdict(device.key, &own, &hub.to_string()), Told::Hub);
    let told = scene.verdict(device.key, "10.1.1.1", "100.96.0.1");
    assert_eq!(told, Told::Denied(Denial::ForeignSource));

    let others = MeshRanges::new("10.99.0.0/16".parse().unwrap(), "fd99::/64".parse().unwrap());
    scene
        .members
        .apply(&Change::Mesh(MeshChange::Ranges(scene.account, others)));
    let own = device.addresses.v4.to_string();
    assert_eq!(scene.verdict(device.key, &own, "10.99.0.1"), Told::Hub);
}

#[test]
fn a_member_is_known_by_its_former_key_for_as_long_as_that_is_good() {
    let mut scene = Scene::new();
    let (tunnel, replica) = scene.site(&[]);
    let connector = scene.carriers.active[&tunnel];
    let former = PeerKey::from_bytes([99; 32]);
    assert_eq!(scene.table().member_of(&former), None);
    scene.carriers.former_keys.insert((tunnel, connector), former);
    let table = scene.table();
    assert_eq!(table.member_of(&former), table.member_of(&replica.key));
    let member = table.member(table.member_of(&former).unwrap()).unwrap();
    assert_eq!(member.keys, [replica.key, former]);

    let gone = MeshChange::Replica(tunnel, connector, None);
    scene.members.apply(&Change::Mesh(gone));
    let table = scene.table();
    assert_eq!(table.member_of(&former), None);
    assert_eq!(table.member_of(&replica.key), None);
}

#[test]
fn a_replica_of_an_account_without_virtual_networks_reaches_the_other_one() {
    let mut scene = Scene::new();
    scene.members.defaults.clear();
    let (_, a) = scene.site(&[]);
    let (_, b) = scene.site(&[]);
    let (own_a, own_b) = (a.addresses.v4.to_string(), b.addresses.v4.to_string());
    assert_eq!(scene.verdict(a.key, &own_a, &own_b), Told::To(b.key));
}
