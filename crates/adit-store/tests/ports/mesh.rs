//! Members of meshes: replicas that are linked and devices that joined.

mod devices;
mod links;
mod ranges;

use std::time::Duration;

use adit_core::{
    ha::HaSetting,
    mesh::MeshRanges,
    port::{
        AuditFilter, Change, ChangeNumber, Changes, DeviceError, DeviceFilter, Devices as _, LinkError,
        LinkedReplica, MeshChange, MeshDevice, MeshLinks, NewDevice, NewLink, NewTunnel, Page,
    },
};
use adit_model::{
    AccountId, ConnectorId, DeviceId, IdentityKey, PeerKey, TunnelKey, TunnelSecret, VirtualNetworkId,
};

use crate::support::{ALL, Home, actor};

/// A key; equal numbers are equal keys.
fn key(number: u16) -> PeerKey {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PeerKey::from_bytes(bytes)
}

/// Who a host is, by its number.
fn identity(number: u16) -> IdentityKey {
    IdentityKey::from_bytes(*key(number).as_bytes())
}

fn host(number: u16) -> ConnectorId {
    ConnectorId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

/// The secret of tunnels of this name.
fn secret(name: &str) -> TunnelSecret {
    TunnelSecret::new(format!("{name:-<32}").into_bytes()).unwrap()
}

/// A host that enrols for a site of this name as it should.
fn enrolling(tunnel: TunnelKey, name: &str, number: u16) -> NewLink {
    NewLink {
        tunnel,
        connector: host(number),
        identity: identity(number),
        key: key(number),
        proven: secret(name).digest(),
    }
}

impl Home {
    fn links(&self) -> &dyn MeshLinks {
        &*self.store
    }

    async fn site(&self, name: &str) -> TunnelKey {
        self.site_of(self.account, name).await
    }

    async fn site_of(&self, account: AccountId, name: &str) -> TunnelKey {
        self.hands.turn(Duration::from_secs(1));
        let new = NewTunnel {
            account,
            ..self.new_tunnel(name)
        };
        let setting = HaSetting::of_new(false);
        let made = self.catalog().create_site(new, setting, &actor()).await;
        made.unwrap().0.key
    }

    async fn link(&self, new: NewLink) -> Result<LinkedReplica, LinkError> {
        self.links().link(new).await.map(|(linked, _)| linked)
    }

    /// Lets a device join, by its number.
    async fn join(&self, number: u16) -> Result<(DeviceId, MeshDevice), DeviceError> {
        self.join_in(number, None).await
    }

    async fn join_in(
        &self,
        number: u16,
        virtual_network: Option<VirtualNetworkId>,
    ) -> Result<(DeviceId, MeshDevice), DeviceError> {
        self.hands.turn(Duration::from_secs(1));
        let new = NewDevice {
            name: format!("device {number}").parse().unwrap(),
            key: key(number),
            virtual_network,
        };
        let made = self.store.create_device(self.account, new, &actor()).await;
        made.map(|(id, device, _)| (id, device))
    }

    async fn revoke(&self, device: DeviceId) -> Result<MeshDevice, DeviceError> {
        let revoked = self.store.revoke_device(self.account, device, &actor()).await;
        revoked.map(|(device, _)| device)
    }

    async fn joined(&self) -> Page<(DeviceId, MeshDevice)> {
        let all = DeviceFilter::default();
        self.store.devices(self.account, all, ALL).await.unwrap()
    }

    /// What changed of meshes.
    async fn mesh_since(&self, after: ChangeNumber) -> Vec<MeshChange> {
        match self.directory().changes(after).await.unwrap() {
            Changes::Since { changes, .. } => changes.into_iter().filter_map(of_mesh).collect(),
            Changes::TooOld => panic!("{after} is too old"),
        }
    }

    /// The members of all meshes, as whoever follows them starts, those of one tunnel by their ids.
    async fn members(&self) -> Vec<MeshChange> {
        let mut mesh = self.directory().snapshot().await.unwrap().0.mesh;
        mesh.retain(|change| !matches!(change, MeshChange::Ranges(..)));
        mesh.sort_by_key(|change| format!("{change:?}"));
        mesh
    }

    async fn ranges(&self) -> Option<MeshRanges> {
        let mesh = self.directory().snapshot().await.unwrap().0.mesh;
        mesh.iter().find_map(|change| match change {
            MeshChange::Ranges(account, ranges) if *account == self.account => *ranges,
            MeshChange::Ranges(..) | MeshChange::Replica(..) | MeshChange::Device(..) => None,
        })
    }

    /// The actions of the audit log that begin so, newest first, each with who did it.
    async fn audited(&self, begin: &str) -> Vec<(String, String)> {
        let filter = AuditFilter::default();
        let account = Some(self.account);
        let log = self.catalog().audit_log(account, &filter, ALL).await.unwrap();
        log.items
            .into_iter()
            .filter(|entry| entry.action.starts_with(begin))
            .map(|entry| (entry.action, entry.actor.name))
            .collect()
    }
}

fn of_mesh(change: Change) -> Option<MeshChange> {
    match change {
        Change::Mesh(change) => Some(change),
        Change::Tunnel(..)
        | Change::Host(..)
        | Change::Limits(..)
        | Change::Private(_)
        | Change::Site(..) => None,
    }
}
