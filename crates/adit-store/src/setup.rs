//! What no port asks for: what a store is set up with.

use adit_core::{
    port::{Actor, CatalogError, ChangeNumber, NewTunnel, StoreError, Tunnel, Zone, ZoneError},
    token_value::ApiTokenValue,
};
use adit_model::{AccountId, ApiTokenId, Hostname, TunnelId, TunnelKey};

use crate::{
    bootstrap::{self, Bootstrap, BootstrapOutcome},
    read::{change, read},
    store::Store,
    tunnels, zones,
};

impl Store {
    /// The account that the store was set up with; `None` before the first [`Store::bootstrap`].
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn first_account(&self) -> Result<Option<AccountId>, StoreError> {
        Ok(read!(self, "look up its first account", |reader| {
            bootstrap::first_account(reader)
        }))
    }

    /// Makes what is missing of account, zone, API token and user. Later calls find what the first one made.
    ///
    /// # Errors
    /// [`ZoneError`] if the base domain overlaps a zone of another account, or the store fails.
    pub async fn bootstrap(&self, bootstrap: Bootstrap) -> Result<BootstrapOutcome, ZoneError> {
        let work = self.writer.write("set up account and zone", move |mut tx| {
            Box::pin(async move { bootstrap::run(&mut tx, bootstrap).await })
        });
        work.await
    }

    /// Makes an account, if there is none with this id.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn create_account(&self, account: AccountId, name: String) -> Result<(), StoreError> {
        let work = self.writer.write("create an account", move |mut tx| {
            Box::pin(async move { Ok(bootstrap::ensure_account(&mut tx, account, &name).await?) })
        });
        work.await
    }

    /// Makes an API token that may do everything in the account, or gives the account's token of this name another value.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such account, another token has the value, or the store fails.
    pub async fn create_api_token(
        &self,
        account: AccountId,
        name: String,
        value: ApiTokenValue,
    ) -> Result<ApiTokenId, StoreError> {
        let work = self.writer.write("create an API token", move |mut tx| {
            Box::pin(async move { Ok(bootstrap::ensure_token(&mut tx, account, &name, &value).await?) })
        });
        work.await
    }

    /// Makes a zone.
    ///
    /// # Errors
    /// [`ZoneError`] if there is no such account, or it or another account has the domain or one that overlaps it.
    pub async fn create_zone(
        &self,
        account: AccountId,
        name: Hostname,
        actor: &Actor,
    ) -> Result<Zone, ZoneError> {
        change!(self, "create a zone", actor, |tx, actor| zones::insert(
            tx, account, name, actor
        ))
    }

    /// Makes a tunnel that has an id already, such as one that moves here from another control plane. Records that
    /// point at it become routes.
    ///
    /// # Errors
    /// As [`Catalog::create_tunnel`](adit_core::port::Catalog::create_tunnel); a [`StoreError`] if the account has
    /// a tunnel with this id.
    pub async fn adopt_tunnel(
        &self,
        id: TunnelId,
        new: NewTunnel,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        let (sealer, actor) = (self.sealer.clone(), actor.clone());
        let work = self.writer.write("adopt a tunnel", move |mut tx| {
            Box::pin(async move {
                let key = TunnelKey {
                    account: new.account,
                    tunnel: id,
                };
                let (tunnel, _) = tunnels::insert(&mut tx, &sealer, id, new, &actor).await?;
                let change = tunnels::routes_changed(&mut tx, key).await?;
                Ok((tunnel, change))
            })
        });
        work.await
    }
}
