//! Packets that members of a mesh send each other through the hub.
#![no_main]

use std::{sync::OnceLock, time::Instant};

use adit_core::{
    mesh::{
        MeshAddresses, MeshRanges,
        forwarding::{Carriers, MemberIndex, Members, Table, Verdict, build},
    },
    port::{Change, LinkedReplica, MeshChange, PrivateChange, PrivateRoute, TunnelEntry},
};
use adit_mesh::{
    hub::{Forwarder, Links},
    onramp::Handed,
};
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, ConnectorId, IdentityKey, PeerKey, RouteId, SecretDigest,
    Timestamp, TunnelId, TunnelKey, TunnelKind, VirtualNetworkId,
};
use bytes::BytesMut;

/// Two sites: 10.10.0.0/24 and fd00:a::/64, 10.20.0.0/24 and fd00:b::/64.
fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let (mut members, mut carriers) = (Members::default(), Carriers::default());
        let (account, virtual_network) = (AccountId::random(), VirtualNetworkId::random());
        let ranges = MeshRanges::new("100.96.0.0/12".parse().expect("a range"), "fdad::/64".parse().expect("a range"));
        members.apply(&Change::Mesh(MeshChange::Ranges(account, ranges)));
        for (number, prefixes) in [(1, ["10.10.0.0/24", "fd00:a::/64"]), (2, ["10.20.0.0/24", "fd00:b::/64"])] {
            let tunnel = TunnelKey { account, tunnel: TunnelId::random() };
            let entry = TunnelEntry {
                kind: TunnelKind::WarpConnector,
                deleted: false,
                config_source: ConfigSource::Cloudflare,
                config_version: ConfigVersion::default(),
                secret: SecretDigest::of(b"secret"),
            };
            members.apply(&Change::Tunnel(tunnel, Some(entry)));
            let id = ConnectorId::random();
            let replica = LinkedReplica {
                identity: IdentityKey::from_bytes([number; 32]),
                key: PeerKey::from_bytes([number; 32]),
                addresses: MeshAddresses {
                    v4: [100, 96, 0, 1 + number].into(),
                    v6: [0xfdad, 0, 0, 0, 0, 0, 0, u16::from(1 + number)].into(),
                },
                linked_at: Timestamp::from_unix_micros(0).expect("a time"),
            };
            members.apply(&Change::Mesh(MeshChange::Replica(tunnel, id, Some(replica))));
            carriers.active.insert(tunnel, id);
            for network in prefixes {
                let network = network.parse().expect("a network");
                let route = PrivateRoute { network, virtual_network, tunnel: tunnel.tunnel };
                let change = PrivateChange::Route(account, RouteId::random(), Some(route));
                members.apply(&Change::Private(change));
            }
        }
        build(&members, &carriers)
    })
}

/// Takes everything, and sees that it may be sent.
struct Checked {
    from: MemberIndex,
    mtu: u16,
    packets: usize,
}

impl Links for Checked {
    fn mtu(&self, _: MemberIndex) -> u16 {
        self.mtu
    }

    fn is_open(&self, _: MemberIndex) -> bool {
        false
    }

    fn send(&mut self, to: MemberIndex, packet: BytesMut) -> bool {
        assert!(packet.len() <= usize::from(self.mtu));
        self.packets += 1;
        if to != self.from {
            let addresses = match packet.first().expect("no packet is empty") >> 4 {
                4 => {
                    let [source, destination] = [12, 16].map(|at| <[u8; 4]>::try_from(&packet[at..at + 4]));
                    [source.expect("a source").into(), destination.expect("a destination").into()]
                }
                _ => {
                    let [source, destination] = [8, 24].map(|at| <[u8; 16]>::try_from(&packet[at..at + 16]));
                    [source.expect("a source").into(), destination.expect("a destination").into()]
                }
            };
            let [source, destination] = addresses;
            assert_eq!(table().verdict(self.from, source, destination), Verdict::To(to));
        }
        // Half of them have no session.
        packet.len().is_multiple_of(2)
    }

    fn may_tell(&mut self, _: MemberIndex, _: Instant) -> bool {
        true
    }

    fn hand_over(&mut self, _: Handed) -> bool {
        true
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let table = table();
    let [which, more, packet @ ..] = bytes else { return };
    let member = PeerKey::from_bytes([1 + which % 2; 32]);
    let from = table.member_of(&member).expect("both are there");
    let mut links = Checked { from, mtu: 1280 + u16::from(*more), packets: 0 };
    let mut forwarder = Forwarder::default();
    let limit = 4 * 1024 + 4 * bytes.len();
    let packet = BytesMut::from(packet);
    let _ = adit_fuzz::bounded(limit, || forwarder.handle(table, from, packet, Instant::now(), &mut links));
    assert!(links.packets <= 64);
});
