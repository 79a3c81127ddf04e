//! The ports, in terms of the modules that know their tables.

use adit_core::port::{
    Actor, ChangeNumber, DeviceError, DeviceFilter, DeviceReach, Devices, LinkError, LinkedReplica,
    MeshDevice, MeshLinks, NewDevice, NewLink, Page, PageRequest, StoreError, Unlinked,
};
use adit_model::{AccountId, ConnectorId, DeviceId, PeerKey, TunnelKey, VirtualNetworkId};
use async_trait::async_trait;

use super::{devices, links, members, unlink};
use crate::{
    failure::Failure,
    read::{change, read},
    store::Store,
};

#[async_trait]
impl MeshLinks for Store {
    async fn link(&self, new: NewLink) -> Result<(LinkedReplica, ChangeNumber), LinkError> {
        let sealer = self.sealer.clone();
        let work = self.writer.write("link a replica", move |mut tx| {
            Box::pin(async move { links::link(&mut tx, &sealer, new).await })
        });
        work.await
    }

    async fn change_key(
        &self,
        tunnel: TunnelKey,
        connector: ConnectorId,
        key: PeerKey,
    ) -> Result<ChangeNumber, LinkError> {
        let work = self.writer.write("change the key of a replica", move |mut tx| {
            Box::pin(async move { links::change_key(&mut tx, tunnel, connector, key).await })
        });
        work.await
    }
}

#[async_trait]
impl Devices for Store {
    async fn create_device(
        &self,
        account: AccountId,
        new: NewDevice,
        actor: &Actor,
    ) -> Result<(DeviceId, MeshDevice, ChangeNumber), DeviceError> {
        change!(self, "let a device join", actor, |tx, actor| devices::insert(
            tx, account, new, actor
        ))
    }

    async fn device(&self, account: AccountId, device: DeviceId) -> Result<Option<MeshDevice>, StoreError> {
        Ok(read!(self, "look up a device", |reader| members::find_device(
            reader, account, device
        )))
    }

    async fn devices(
        &self,
        account: AccountId,
        filter: DeviceFilter,
        page: PageRequest,
    ) -> Result<Page<(DeviceId, MeshDevice)>, StoreError> {
        Ok(read!(self, "list devices", |reader| devices::list(
            reader, account, &filter, page
        )))
    }

    async fn revoke_device(
        &self,
        account: AccountId,
        device: DeviceId,
        actor: &Actor,
    ) -> Result<(MeshDevice, ChangeNumber), DeviceError> {
        change!(self, "revoke a device", actor, |tx, actor| devices::revoke(
            tx, account, device, actor
        ))
    }

    async fn device_reach(
        &self,
        account: AccountId,
        virtual_network: VirtualNetworkId,
    ) -> Result<DeviceReach, StoreError> {
        Ok(read!(self, "look up what a device reaches", |reader| {
            devices::reach(reader, account, virtual_network)
        }))
    }
}

impl Store {
    /// The replicas that are linked to a site.
    pub(crate) async fn links_of_site(
        &self,
        tunnel: TunnelKey,
    ) -> Result<Vec<(ConnectorId, LinkedReplica)>, StoreError> {
        let found = read!(self, "list the linked replicas of a site", |reader| {
            links::of_site(reader, tunnel)
        });
        Ok(found
            .into_iter()
            .map(|replica| (replica.connector, replica.link))
            .collect())
    }

    /// Takes links of a site away.
    pub(crate) async fn unlink_of_site(
        &self,
        tunnel: TunnelKey,
        which: Unlinked,
        actor: &Actor,
    ) -> Result<(Vec<ConnectorId>, ChangeNumber), StoreError> {
        change!(self, "unlink replicas of a site", actor, |tx, actor| async {
            let done = unlink::unlink(tx, tunnel, which, actor).await;
            done.map_err(Failure::<StoreError>::from)
        })
    }
}
