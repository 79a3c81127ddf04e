//! Members for tests.

use std::net::{Ipv4Addr, Ipv6Addr};

use adit_core::{
    mesh::{
        MeshAddresses, MeshRanges,
        forwarding::{Carriers, Members, Table, build},
    },
    port::{
        Change, LinkedReplica, MeshChange, MeshDevice, NamedNetwork, PrivateChange, PrivateRoute, TunnelEntry,
    },
};
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, ConnectorId, DeviceId, IdentityKey, PeerKey, RouteId,
    SecretDigest, Timestamp, TunnelId, TunnelKey, TunnelKind, VirtualNetworkId,
};

/// Members of one account that are made as a test needs them.
pub(crate) struct Company {
    pub(crate) account: AccountId,
    pub(crate) main: VirtualNetworkId,
    pub(crate) members: Members,
    pub(crate) carriers: Carriers,
    joined: u16,
}

impl Company {
    pub(crate) fn new() -> Self {
        let mut company = Self {
            account: AccountId::random(),
            main: VirtualNetworkId::random(),
            members: Members::default(),
            carriers: Carriers::default(),
            joined: 0,
        };
        let named = NamedNetwork {
            name: "main".parse().unwrap(),
            is_default: true,
        };
        let change = PrivateChange::VirtualNetwork(company.account, company.main, Some(named));
        company.members.apply(&Change::Private(change));
        let ranges = MeshRanges::new("100.96.0.0/12".parse().unwrap(), "fdad::/64".parse().unwrap());
        let change = MeshChange::Ranges(company.account, ranges);
        company.members.apply(&Change::Mesh(change));
        company
    }

    pub(crate) fn table(&self) -> Table {
        build(&self.members, &self.carriers)
    }

    /// 100.96.x.y, counted from 100.96.0.2, and the like.
    fn addresses(&mut self) -> MeshAddresses {
        self.joined += 1;
        let number = self.joined + 1;
        MeshAddresses {
            v4: Ipv4Addr::from_bits(0x6460_0000 | u32::from(number)),
            v6: Ipv6Addr::new(0xfdad, 0, 0, 0, 0, 0, 0, number),
        }
    }

    pub(crate) fn tunnel(&mut self, kind: TunnelKind, routes: &[&str]) -> TunnelKey {
        let key = TunnelKey {
            account: self.account,
            tunnel: TunnelId::random(),
        };
        let entry = TunnelEntry {
            kind,
            deleted: false,
            config_source: ConfigSource::Cloudflare,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(b"secret"),
        };
        self.members.apply(&Change::Tunnel(key, Some(entry)));
        for network in routes {
            let route = PrivateRoute {
                network: network.parse().unwrap(),
                virtual_network: self.main,
                tunnel: key.tunnel,
            };
            let change = PrivateChange::Route(self.account, RouteId::random(), Some(route));
            self.members.apply(&Change::Private(change));
        }
        key
    }

    /// A site with one replica, which carries.
    pub(crate) fn site(&mut self, key: PeerKey, routes: &[&str]) -> (TunnelKey, MeshAddresses) {
        let tunnel = self.tunnel(TunnelKind::WarpConnector, routes);
        let (id, addresses) = self.replica(tunnel, key);
        self.carriers.active.insert(tunnel, id);
        (tunnel, addresses)
    }

    pub(crate) fn replica(&mut self, tunnel: TunnelKey, key: PeerKey) -> (ConnectorId, MeshAddresses) {
        let addresses = self.addresses();
        let replica = LinkedReplica {
            identity: IdentityKey::from_bytes(*key.as_bytes()),
            key,
            addresses,
            linked_at: Timestamp::from_unix_micros(0).unwrap(),
        };
        let id = ConnectorId::random();
        let change = MeshChange::Replica(tunnel, id, Some(replica));
        self.members.apply(&Change::Mesh(change));
        (id, addresses)
    }

    /// Gives a replica another key.
    pub(crate) fn rekey(&mut self, tunnel: TunnelKey, replica: ConnectorId, key: PeerKey) {
        let linked = self.members.replica(tunnel, replica).unwrap().clone();
        let change = MeshChange::Replica(tunnel, replica, Some(LinkedReplica { key, ..linked }));
        self.members.apply(&Change::Mesh(change));
    }

    pub(crate) fn device(&mut self, key: PeerKey) -> (DeviceId, MeshAddresses) {
        let addresses = self.addresses();
        let device = MeshDevice {
            name: format!("device {}", self.joined).parse().unwrap(),
            key,
            addresses,
            virtual_network: self.main,
            created_at: Timestamp::from_unix_micros(0).unwrap(),
        };
        let id = DeviceId::random();
        let change = MeshChange::Device(self.account, id, Some(device));
        self.members.apply(&Change::Mesh(change));
        (id, addresses)
    }

    pub(crate) fn revoke(&mut self, device: DeviceId) {
        let change = MeshChange::Device(self.account, device, None);
        self.members.apply(&Change::Mesh(change));
    }
}
