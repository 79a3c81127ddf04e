//! A catalog in memory whose ids and times are the same in every run.

use adit_core::port::{
    Actor, ApiCredential, ApiToken, Catalog, CatalogError, ChangeNumber, ConnectionRecord, ConnectorRecord,
    DnsRecord, DnsRecordFilter, LoginCredential, NewDnsRecord, NewTunnel, Page, PageRequest, StoreError,
    Tunnel, TunnelFilter, Zone, ZoneFilter,
};
use adit_model::{
    AccountId, ConnectionId, ConnectionIndex, ConnectorId, Location, RecordId, Timestamp, TunnelId,
    TunnelKey, TunnelSecret, TunnelStatus, ZoneId,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{ACCOUNT, EMAIL, KEY, OTHER_ACCOUNT, OTHER_TOKEN, OTHER_ZONE, TOKEN, ZONE};

/// What goes wrong when a tunnel is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Error,
    Panic,
    Hang,
}

#[derive(Default)]
pub(crate) struct MemoryCatalog {
    pub(crate) fault: Mutex<Option<Fault>>,
    /// Who changed something, in order.
    pub(crate) actors: Mutex<Vec<Actor>>,
    /// A record of that name appears between a look-up and the next creation.
    pub(crate) rival: Mutex<bool>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tunnels: Vec<(Tunnel, TunnelSecret)>,
    records: Vec<DnsRecord>,
    changes: u64,
}

impl Kept {
    /// Each change is a second later.
    fn tick(&mut self) -> Timestamp {
        self.changes += 1;
        at(self.changes)
    }

    fn live(&mut self, key: TunnelKey) -> Option<&mut (Tunnel, TunnelSecret)> {
        self.tunnels
            .iter_mut()
            .find(|(tunnel, _)| tunnel.key == key && tunnel.deleted_at.is_none())
    }

    fn taken(&self, zone: ZoneId, new: &NewDnsRecord, but: Option<RecordId>) -> bool {
        self.records
            .iter()
            .any(|r| r.zone == zone && r.name == new.name && Some(r.id) != but)
    }
}

fn at(second: u64) -> Timestamp {
    let start = Timestamp::parse("2026-01-02T03:04:05.000006Z").unwrap();
    Timestamp::from_unix_micros(start.unix_micros() + i64::try_from(second).unwrap() * 1_000_000).unwrap()
}

fn id(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128((kind << 96) | (0x4000 << 64) | (0x8000 << 48) | u128::from(number))
}

fn cut<T>(items: Vec<T>, page: PageRequest) -> Page<T> {
    let total = items.len() as u64;
    let skip = usize::try_from(page.offset()).unwrap();
    Page {
        items: items
            .into_iter()
            .skip(skip)
            .take(page.per_page as usize)
            .collect(),
        total,
    }
}

fn zones() -> [Zone; 2] {
    let zone = |id: &str, account: &str, name: &str| Zone {
        id: id.parse().unwrap(),
        account: account.parse().unwrap(),
        account_name: format!("Account of {name}"),
        name: name.parse().unwrap(),
        created_at: at(0),
    };
    [
        zone(ZONE, ACCOUNT, "example.com"),
        zone(OTHER_ZONE, OTHER_ACCOUNT, "example.org"),
    ]
}

fn token(name: &str, account: &str, id: char) -> LoginCredential {
    LoginCredential::Token(ApiToken {
        id: id.to_string().repeat(32).parse().unwrap(),
        name: name.to_owned(),
        account: account.parse().unwrap(),
    })
}

impl MemoryCatalog {
    /// A connector with two connections serves the tunnel.
    pub(crate) fn connect(&self, tunnel: &str) {
        let mut kept = self.kept.lock();
        let (tunnel, _) = kept
            .tunnels
            .iter_mut()
            .find(|(kept, _)| kept.key.tunnel.to_string() == tunnel)
            .unwrap();
        let connection = |index: u8| ConnectionRecord {
            id: ConnectionId::from_uuid(id(3, u64::from(index))),
            index: ConnectionIndex(index),
            location: Location::default(),
            origin_ip: "::ffff:192.0.2.1".parse().unwrap(),
            opened_at: at(10 + u64::from(index)),
        };
        tunnel.connectors = vec![ConnectorRecord {
            id: ConnectorId::from_uuid(id(2, 1)),
            version: "2026.8.2".to_owned(),
            arch: "linux_amd64".to_owned(),
            features: vec!["allow_remote_config".to_owned(), "serialized_headers".to_owned()],
            run_at: at(10),
            connections: vec![connection(0), connection(1)],
        }];
        tunnel.status = TunnelStatus::Healthy;
        tunnel.active_since = Some(at(10));
        tunnel.inactive_since = None;
    }

    fn note(&self, actor: &Actor) {
        self.actors.lock().push(actor.clone());
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn authenticate(
        &self,
        credential: ApiCredential<'_>,
    ) -> Result<Option<LoginCredential>, StoreError> {
        Ok(match credential {
            ApiCredential::Token(TOKEN) => Some(token("mine", ACCOUNT, '1')),
            ApiCredential::Token(OTHER_TOKEN) => Some(token("other", OTHER_ACCOUNT, '2')),
            ApiCredential::Key {
                email: EMAIL,
                key: KEY,
            } => Some(LoginCredential::User {
                email: EMAIL.to_owned(),
            }),
            ApiCredential::Token(_) | ApiCredential::Key { .. } => None,
        })
    }

    async fn account_exists(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok([ACCOUNT, OTHER_ACCOUNT].contains(&account.to_string().as_str()))
    }

    async fn create_tunnel(
        &self,
        new: NewTunnel,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        self.note(actor);
        let mut kept = self.kept.lock();
        let same = |(t, _): &(Tunnel, _)| {
            t.key.account == new.account && t.name == new.name && t.deleted_at.is_none()
        };
        if kept.tunnels.iter().any(same) {
            return Err(CatalogError::NameTaken(new.name));
        }
        let created_at = kept.tick();
        let tunnel = Tunnel {
            key: TunnelKey {
                account: new.account,
                tunnel: TunnelId::from_uuid(id(1, kept.changes)),
            },
            name: new.name,
            config_source: new.config_source,
            created_at,
            deleted_at: None,
            status: TunnelStatus::Inactive,
            active_since: None,
            inactive_since: Some(created_at),
            connectors: Vec::new(),
        };
        kept.tunnels.push((tunnel.clone(), new.secret));
        Ok((tunnel, ChangeNumber(kept.changes)))
    }

    async fn tunnel(&self, key: TunnelKey) -> Result<Option<Tunnel>, StoreError> {
        let fault = *self.fault.lock();
        match fault {
            Some(Fault::Error) => {
                return Err(StoreError {
                    doing: "find a tunnel",
                    cause: "the disk is on fire".into(),
                });
            }
            Some(Fault::Panic) => panic!("a bug"),
            Some(Fault::Hang) => std::future::pending().await,
            None => {}
        }
        Ok(self
            .kept
            .lock()
            .tunnels
            .iter()
            .map(|(tunnel, _)| tunnel)
            .find(|t| t.key == key)
            .cloned())
    }

    async fn tunnels(
        &self,
        account: AccountId,
        filter: &TunnelFilter,
        page: PageRequest,
    ) -> Result<Page<Tunnel>, StoreError> {
        let kept = self.kept.lock();
        let wanted = |t: &&Tunnel| {
            let name = t.name.as_str();
            t.key.account == account
                && filter.id.is_none_or(|id| id == t.key.tunnel)
                && filter.name.as_deref().is_none_or(|n| n == name)
                && filter
                    .include_prefix
                    .as_deref()
                    .is_none_or(|p| name.starts_with(p))
                && filter
                    .exclude_prefix
                    .as_deref()
                    .is_none_or(|p| !name.starts_with(p))
                && filter
                    .deleted
                    .is_none_or(|deleted| deleted == t.deleted_at.is_some())
                && filter
                    .existed_at
                    .is_none_or(|m| t.created_at <= m && t.deleted_at.is_none_or(|d| d >= m))
                && filter
                    .was_active_at
                    .is_none_or(|m| t.active_since.is_some_and(|a| a <= m))
                && filter
                    .was_inactive_at
                    .is_none_or(|m| t.created_at <= m && t.active_since.is_none_or(|a| a > m))
                && filter.status.is_none_or(|status| status == t.status)
        };
        Ok(cut(
            kept.tunnels
                .iter()
                .map(|(tunnel, _)| tunnel)
                .rev()
                .filter(wanted)
                .cloned()
                .collect(),
            page,
        ))
    }

    async fn tunnel_secret(&self, key: TunnelKey) -> Result<TunnelSecret, CatalogError> {
        let mut kept = self.kept.lock();
        kept.live(key)
            .map(|(_, secret)| secret.clone())
            .ok_or(CatalogError::NoTunnel)
    }

    async fn delete_tunnel(
        &self,
        key: TunnelKey,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        self.note(actor);
        let mut kept = self.kept.lock();
        let now = kept.tick();
        let changes = ChangeNumber(kept.changes);
        let (tunnel, _) = kept.live(key).ok_or(CatalogError::NoTunnel)?;
        tunnel.deleted_at = Some(now);
        if !tunnel.connectors.is_empty() {
            tunnel.connectors.clear();
            tunnel.status = TunnelStatus::Down;
            (tunnel.active_since, tunnel.inactive_since) = (None, Some(now));
        }
        Ok((tunnel.clone(), changes))
    }

    async fn change_number(&self) -> Result<ChangeNumber, StoreError> {
        Ok(ChangeNumber(self.kept.lock().changes))
    }

    async fn zone(&self, zone: ZoneId) -> Result<Option<Zone>, StoreError> {
        Ok(zones().into_iter().find(|z| z.id == zone))
    }

    async fn zones(
        &self,
        account: Option<AccountId>,
        filter: &ZoneFilter,
        page: PageRequest,
    ) -> Result<Page<Zone>, StoreError> {
        let wanted = |z: &Zone| {
            account.is_none_or(|account| account == z.account)
                && filter.name.as_ref().is_none_or(|n| *n == z.name)
        };
        Ok(cut(zones().into_iter().filter(wanted).collect(), page))
    }

    async fn dns_record(&self, zone: ZoneId, record: RecordId) -> Result<Option<DnsRecord>, StoreError> {
        Ok(self
            .kept
            .lock()
            .records
            .iter()
            .find(|r| r.zone == zone && r.id == record)
            .cloned())
    }

    async fn dns_records(
        &self,
        zone: ZoneId,
        filter: &DnsRecordFilter,
        page: PageRequest,
    ) -> Result<Page<DnsRecord>, StoreError> {
        let wanted = |r: &&DnsRecord| {
            r.zone == zone
                && filter.name.as_ref().is_none_or(|name| *name == r.name)
                && filter.kind.is_none_or(|kind| kind == r.kind)
                && filter
                    .content
                    .as_ref()
                    .is_none_or(|content| *content == r.content)
                && filter.proxied.is_none_or(|proxied| proxied == r.proxied)
        };
        Ok(cut(
            self.kept.lock().records.iter().filter(wanted).cloned().collect(),
            page,
        ))
    }

    async fn create_dns_record(
        &self,
        zone: ZoneId,
        new: NewDnsRecord,
        actor: &Actor,
    ) -> Result<(DnsRecord, ChangeNumber), CatalogError> {
        self.note(actor);
        let mut kept = self.kept.lock();
        if *self.rival.lock() || kept.taken(zone, &new, None) {
            return Err(CatalogError::HostTaken);
        }
        let now = kept.tick();
        let id = format!("{:032x}", kept.changes).parse().unwrap();
        let record = DnsRecord {
            id,
            zone,
            kind: new.kind,
            name: new.name,
            content: new.content,
            proxied: new.proxied,
            ttl: new.ttl,
            comment: new.comment,
            created_at: now,
            modified_at: now,
        };
        kept.records.push(record.clone());
        Ok((record, ChangeNumber(kept.changes)))
    }

    async fn update_dns_record(
        &self,
        zone: ZoneId,
        record: RecordId,
        new: NewDnsRecord,
        actor: &Actor,
    ) -> Result<(DnsRecord, ChangeNumber), CatalogError> {
        self.note(actor);
        let mut kept = self.kept.lock();
        if kept.taken(zone, &new, Some(record)) {
            return Err(CatalogError::HostTaken);
        }
        let now = kept.tick();
        let changes = ChangeNumber(kept.changes);
        let found = kept.records.iter_mut().find(|r| r.zone == zone && r.id == record);
        let found = found.ok_or(CatalogError::NoRecord)?;
        *found = DnsRecord {
            kind: new.kind,
            name: new.name,
            content: new.content,
            proxied: new.proxied,
            ttl: new.ttl,
            comment: new.comment,
            modified_at: now,
            ..*found
        };
        Ok((found.clone(), changes))
    }

    async fn delete_dns_record(
        &self,
        zone: ZoneId,
        record: RecordId,
        actor: &Actor,
    ) -> Result<ChangeNumber, CatalogError> {
        self.note(actor);
        let mut kept = self.kept.lock();
        let index = kept.records.iter().position(|r| r.zone == zone && r.id == record);
        kept.records.remove(index.ok_or(CatalogError::NoRecord)?);
        kept.tick();
        Ok(ChangeNumber(kept.changes))
    }
}
