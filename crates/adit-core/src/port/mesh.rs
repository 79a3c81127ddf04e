//! The members of meshes, as the store keeps them: replicas that enrolled for a site, and devices.

use adit_model::{
    AccountId, ConnectorId, DeviceId, IdentityKey, PeerKey, SecretDigest, Timestamp, TunnelKey,
    VirtualNetworkId,
};
use async_trait::async_trait;

use super::{Actor, ChangeNumber, Page, PageRequest, StoreError};
use crate::{
    mesh::{MeshAddresses, MeshRanges, WeakKey},
    networks::{Name, Network},
};

/// The present state of one thing that meshes are made of; `None` where it is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshChange {
    /// A replica of a site.
    Replica(TunnelKey, ConnectorId, Option<LinkedReplica>),
    /// A device.
    Device(AccountId, DeviceId, Option<MeshDevice>),
    /// Where the addresses of an account's members come from. They do not change while it has members.
    Ranges(AccountId, Option<MeshRanges>),
}

/// A host that enrolled for a site with the tunnel's token, and may come back without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedReplica {
    /// What it signs with.
    pub identity: IdentityKey,
    /// What its packets are encrypted for. No other member of any mesh has it.
    pub key: PeerKey,
    /// Its own addresses, which stay its own for as long as it is linked.
    pub addresses: MeshAddresses,
    /// When it first enrolled.
    pub linked_at: Timestamp,
}

/// A WireGuard client that joined an account's mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshDevice {
    /// Its name, which no other live device of the account has.
    pub name: Name,
    /// Its public key; the private one never leaves the device. No other member of any mesh has it.
    pub key: PeerKey,
    /// Its own addresses.
    pub addresses: MeshAddresses,
    /// The address space that it reaches.
    pub virtual_network: VirtualNetworkId,
    /// When it joined.
    pub created_at: Timestamp,
}

/// A replica that enrols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLink {
    /// For which site.
    pub tunnel: TunnelKey,
    /// Who it says it is.
    pub connector: ConnectorId,
    /// What it will sign with.
    pub identity: IdentityKey,
    /// What its packets are to be encrypted for.
    pub key: PeerKey,
    /// The digest of the tunnel's secret that it proved itself with.
    pub proven: SecretDigest,
}

/// Why a replica was not linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The site does not exist or was deleted.
    #[error("tunnel not found")]
    NoTunnel,
    /// The tunnel's secret is no longer what the replica proved itself with.
    #[error("the tunnel's secret has changed")]
    OldSecret,
    /// A replica of this site has the id and another identity key, or a replica of another site of the account has it.
    #[error("the connector id belongs to another host")]
    TakenId,
    /// The key is none.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
    /// Another member of a mesh has the key.
    #[error("the key belongs to another member of the mesh")]
    TakenKey,
    /// The site has as many replicas as it may.
    #[error("the site has {0} replicas, as many as it may")]
    TooMany(u32),
    /// No address of the account's range is left.
    #[error("no address is left in the account's mesh range")]
    NoAddress,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replicas of sites, for whoever holds their sessions.
#[async_trait]
pub trait MeshLinks: Send + Sync {
    /// Links a replica to its site. One that is linked already, with the same identity key, keeps its addresses and
    /// gets the new WireGuard key. What changed is in the audit log, done by the system.
    async fn link(&self, new: NewLink) -> Result<(LinkedReplica, ChangeNumber), LinkError>;

    /// Gives a linked replica another WireGuard key. [`LinkError::NoTunnel`] if it is not linked.
    async fn change_key(
        &self,
        tunnel: TunnelKey,
        connector: ConnectorId,
        key: PeerKey,
    ) -> Result<ChangeNumber, LinkError>;
}

/// A device that is to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its name.
    pub name: Name,
    /// Its public key.
    pub key: PeerKey,
    /// The address space that it is to reach; the account's default one if `None`.
    pub virtual_network: Option<VirtualNetworkId>,
}

/// Which devices are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Only the one of this name.
    pub name: Option<String>,
}

/// What a device may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceReach {
    /// The addresses of members.
    pub ranges: Option<MeshRanges>,
    /// The networks that are routed in its virtual network, in order.
    pub routed: Vec<Network>,
}

/// Why a device did not join or leave.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No such live device.
    #[error("device not found")]
    NotFound,
    /// No such virtual network.
    #[error("virtual network not found")]
    NoVirtualNetwork,
    /// The key is none.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
    /// Another live device of the account has the name.
    #[error("a device of this name exists")]
    TakenName,
    /// Another member of a mesh has the key.
    #[error("the key belongs to another member of the mesh")]
    TakenKey,
    /// The account has as many devices as it may.
    #[error("the account has {0} devices, as many as it may")]
    TooMany(u32),
    /// No address of the account's range is left.
    #[error("no address is left in the account's mesh range")]
    NoAddress,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The devices of accounts.
#[async_trait]
pub trait Devices: Send + Sync {
    /// Lets a device join.
    async fn create_device(
        &self,
        account: AccountId,
        new: NewDevice,
        actor: &Actor,
    ) -> Result<(DeviceId, MeshDevice, ChangeNumber), DeviceError>;

    /// One live device.
    async fn device(&self, account: AccountId, device: DeviceId) -> Result<Option<MeshDevice>, StoreError>;

    /// The live devices, newest first.
    async fn devices(
        &self,
        account: AccountId,
        filter: DeviceFilter,
        page: PageRequest,
    ) -> Result<Page<(DeviceId, MeshDevice)>, StoreError>;

    /// Takes a device out of the mesh; its key is worth nothing from then on. Returns what it was.
    async fn revoke_device(
        &self,
        account: AccountId,
        device: DeviceId,
        actor: &Actor,
    ) -> Result<(MeshDevice, ChangeNumber), DeviceError>;

    /// Where what a device of the account, in this virtual network, may reach lies. `None` for the ranges if nobody ever
    /// joined the account's mesh.
    async fn device_reach(
        &self,
        account: AccountId,
        virtual_network: VirtualNetworkId,
    ) -> Result<DeviceReach, StoreError>;
}
