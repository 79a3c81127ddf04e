//! The ports, in terms of the modules that know their tables.

use adit_core::permission::Reach;
use adit_core::port::{
    Actor, ApiCredential, ApiToken, Catalog, CatalogError, ChangeNumber, Changes, Directory, DnsRecord,
    DnsRecordFilter, Login, LoginCredential, NewDnsRecord, NewTunnel, Page, PageRequest, Presence,
    PresenceEvent, Snapshot, StoreError, Tunnel, TunnelChanges, TunnelFilter, Zone, ZoneFilter,
};
use adit_model::{AccountId, ConfigVersion, RecordId, TunnelId, TunnelKey, TunnelKind, TunnelSecret, ZoneId};
use async_trait::async_trait;

use crate::{
    configurations, directory, dns_records,
    failure::{Cause, store_error},
    login,
    read::{change, read},
    store::Store,
    tunnels,
    tx::counter,
    zones,
};

#[async_trait]
impl Login for Store {
    async fn authenticate(
        &self,
        credential: ApiCredential<'_>,
    ) -> Result<Option<LoginCredential>, StoreError> {
        Ok(read!(self, "check a credential", |reader| login::authenticate(
            reader, credential
        )))
    }

    fn token_used(&self, token: &ApiToken) {
        self.token_use.note(token, self.clock.now());
    }
}

#[async_trait]
impl Catalog for Store {
    async fn account_exists(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(read!(self, "look up an account", |reader| login::account_exists(
            reader, account
        )))
    }

    async fn create_tunnel(
        &self,
        new: NewTunnel,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        let (sealer, actor) = (self.sealer.clone(), actor.clone());
        let work = self.writer.write("create a tunnel", move |mut tx| {
            Box::pin(async move {
                let id = TunnelId::from_uuid(tx.ids.next());
                tunnels::insert(&mut tx, &sealer, id, new, &actor).await
            })
        });
        work.await
    }

    async fn tunnel(&self, key: TunnelKey) -> Result<Option<Tunnel>, StoreError> {
        let now = self.clock.now();
        Ok(read!(self, "look up a tunnel", |reader| tunnels::find(
            reader, key, now
        )))
    }

    async fn tunnels(
        &self,
        account: AccountId,
        filter: &TunnelFilter,
        page: PageRequest,
    ) -> Result<Page<Tunnel>, StoreError> {
        let now = self.clock.now();
        Ok(read!(self, "list tunnels", |reader| tunnels::list(
            reader, account, filter, page, now
        )))
    }

    async fn tunnel_secret(&self, key: TunnelKey, kind: TunnelKind) -> Result<TunnelSecret, CatalogError> {
        let secret = read!(self, "look up a tunnel secret", |reader| tunnels::secret(
            reader,
            &self.sealer,
            key,
            kind
        ));
        secret.ok_or(CatalogError::NoTunnel)
    }

    async fn update_tunnel(
        &self,
        key: TunnelKey,
        changes: TunnelChanges,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        let (sealer, actor) = (self.sealer.clone(), actor.clone());
        let work = self.writer.write("update a tunnel", move |mut tx| {
            Box::pin(async move { tunnels::update(&mut tx, &sealer, key, changes, &actor).await })
        });
        work.await
    }

    async fn delete_tunnel(
        &self,
        key: TunnelKey,
        cascade: bool,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        change!(self, "delete a tunnel", actor, |tx, actor| tunnels::delete(
            tx, key, cascade, actor
        ))
    }

    async fn change_number(&self) -> Result<ChangeNumber, StoreError> {
        Ok(read!(self, "look up the newest change", |reader| counter(
            reader, "change"
        )))
    }

    async fn zone(&self, zone: ZoneId) -> Result<Option<Zone>, StoreError> {
        Ok(read!(self, "look up a zone", |reader| zones::find(reader, zone)))
    }

    async fn zones(
        &self,
        reach: &Reach,
        filter: &ZoneFilter,
        page: PageRequest,
    ) -> Result<Page<Zone>, StoreError> {
        Ok(read!(self, "list zones", |reader| zones::list(
            reader, reach, filter, page
        )))
    }

    async fn dns_record(&self, zone: ZoneId, record: RecordId) -> Result<Option<DnsRecord>, StoreError> {
        Ok(read!(self, "look up a record", |reader| dns_records::find(
            reader, zone, record
        )))
    }

    async fn dns_records(
        &self,
        zone: ZoneId,
        filter: &DnsRecordFilter,
        page: PageRequest,
    ) -> Result<Page<DnsRecord>, StoreError> {
        Ok(read!(self, "list records", |reader| dns_records::list(
            reader, zone, filter, page
        )))
    }

    async fn create_dns_record(
        &self,
        zone: ZoneId,
        new: NewDnsRecord,
        actor: &Actor,
    ) -> Result<(DnsRecord, ChangeNumber), CatalogError> {
        change!(self, "create a record", actor, |tx, actor| dns_records::insert(
            tx, zone, new, actor
        ))
    }

    async fn update_dns_record(
        &self,
        zone: ZoneId,
        record: RecordId,
        new: NewDnsRecord,
        actor: &Actor,
    ) -> Result<(DnsRecord, ChangeNumber), CatalogError> {
        change!(self, "update a record", actor, |tx, actor| dns_records::update(
            tx, zone, record, new, actor
        ))
    }

    async fn delete_dns_record(
        &self,
        zone: ZoneId,
        record: RecordId,
        actor: &Actor,
    ) -> Result<ChangeNumber, CatalogError> {
        change!(self, "delete a record", actor, |tx, actor| dns_records::delete(
            tx, zone, record, actor
        ))
    }
}

#[async_trait]
impl Directory for Store {
    async fn snapshot(&self) -> Result<(Snapshot, ChangeNumber), StoreError> {
        Ok(read!(self, "take a snapshot", |reader| directory::snapshot(
            reader,
            &self.sealer
        )))
    }

    async fn remote_configuration(
        &self,
        tunnel: TunnelKey,
        version: ConfigVersion,
    ) -> Result<Option<String>, StoreError> {
        Ok(read!(self, "read a configuration to push", |reader| {
            configurations::version(reader, tunnel, version)
        }))
    }

    async fn changes(&self, after: ChangeNumber) -> Result<Changes, StoreError> {
        let mut newest = self.newest.clone();
        loop {
            newest.mark_unchanged();
            let found = read!(self, "read changes", |reader| directory::changes(
                reader,
                &self.sealer,
                after
            ));
            if let Some(changes) = found {
                return Ok(changes);
            }
            newest
                .changed()
                .await
                .map_err(|_| store_error("wait for changes", Cause::Closed))?;
        }
    }
}

impl Presence for Store {
    fn report(&self, event: PresenceEvent) {
        self.presence.report(event);
    }
}
