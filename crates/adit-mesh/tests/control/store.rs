//! A store in memory.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use adit_core::{
    ha::{Epoch, HaCause, HaSetting, HaSettings, HaState},
    mesh::MeshAddresses,
    port::{
        Change, ChangeNumber, Changes, CloseReason, DecideError, Directory, LinkError, LinkedReplica,
        MeshChange, MeshLinks, NamedNetwork, NewLink, Presence, PresenceEvent, PrivateChange, PrivateRoute,
        SiteEntry, Snapshot, StoreError, TunnelEntry,
    },
};
use adit_mesh::server::Decisions;
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, ConnectorId, PeerKey, RouteId, SecretDigest, Timestamp, TunnelId,
    TunnelKey, TunnelKind, VirtualNetworkId,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

pub(crate) const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
pub(crate) const SECRET: &[u8] = b"the secret of every tunnel in these tests";

/// Remembers every change, who is linked, and what was reported.
pub(crate) struct MemoryStore {
    changes: watch::Sender<Vec<Change>>,
    linked: Mutex<BTreeMap<(TunnelKey, ConnectorId), LinkedReplica>>,
    pub(crate) sites: Mutex<BTreeMap<TunnelKey, SiteEntry>>,
    /// Every decision that was kept.
    pub(crate) decided: Mutex<Vec<(HaState, HaCause)>>,
    /// It keeps no decision and no key now.
    pub(crate) keeps_nothing: AtomicBool,
    /// How many keys it did not keep.
    pub(crate) keys_not_kept: AtomicUsize,
    pub(crate) events: Mutex<Vec<PresenceEvent>>,
    /// It answers nothing before this.
    pub(crate) there: watch::Sender<bool>,
}

impl MemoryStore {
    pub(crate) fn new() -> Self {
        let named = NamedNetwork {
            name: "default".parse().unwrap(),
            is_default: true,
        };
        let first = Change::Private(PrivateChange::VirtualNetwork(
            ACCOUNT,
            default_network(),
            Some(named),
        ));
        Self {
            changes: watch::Sender::new(vec![first]),
            linked: Mutex::default(),
            sites: Mutex::default(),
            decided: Mutex::default(),
            keeps_nothing: AtomicBool::new(false),
            keys_not_kept: AtomicUsize::new(0),
            events: Mutex::default(),
            there: watch::Sender::new(true),
        }
    }

    pub(crate) fn change(&self, change: Change) -> ChangeNumber {
        self.changes.send_modify(|changes| changes.push(change));
        ChangeNumber(self.changes.borrow().len() as u64)
    }

    pub(crate) fn tunnel(&self, kind: TunnelKind) -> TunnelKey {
        let site = TunnelKey {
            account: ACCOUNT,
            tunnel: TunnelId::random(),
        };
        self.set_tunnel(site, kind, SECRET, false);
        site
    }

    /// A site without high availability.
    pub(crate) fn site(&self) -> TunnelKey {
        self.site_with(HaSetting::Disabled, HaSettings::default())
    }

    pub(crate) fn ha_site(&self) -> TunnelKey {
        self.site_with(HaSetting::None, HaSettings::default())
    }

    pub(crate) fn site_with(&self, setting: HaSetting, settings: HaSettings) -> TunnelKey {
        let site = self.tunnel(TunnelKind::WarpConnector);
        self.configure(site, setting, settings);
        site
    }

    pub(crate) fn configure(
        &self,
        site: TunnelKey,
        setting: HaSetting,
        settings: HaSettings,
    ) -> ChangeNumber {
        let mode = setting.mode();
        let state = self
            .state_of(site)
            .map_or(HaState::new(site, mode), |state| HaState { mode, ..state });
        let entry = SiteEntry {
            state,
            version: ConfigVersion::default(),
            setting,
            settings,
        };
        self.put_site(site, entry)
    }

    pub(crate) fn state_of(&self, site: TunnelKey) -> Option<HaState> {
        self.sites.lock().get(&site).map(|entry| entry.state)
    }

    fn put_site(&self, site: TunnelKey, entry: SiteEntry) -> ChangeNumber {
        self.sites.lock().insert(site, entry.clone());
        self.change(Change::Site(site, Some(entry)))
    }

    pub(crate) fn causes(&self) -> Vec<HaCause> {
        self.decided.lock().iter().map(|(_, cause)| *cause).collect()
    }

    pub(crate) fn set_tunnel(
        &self,
        site: TunnelKey,
        kind: TunnelKind,
        secret: &[u8],
        deleted: bool,
    ) -> ChangeNumber {
        let entry = TunnelEntry {
            kind,
            deleted,
            config_source: ConfigSource::Cloudflare,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(secret),
        };
        self.change(Change::Tunnel(site, Some(entry)))
    }

    pub(crate) fn route(&self, site: TunnelKey, network: &str) -> RouteId {
        let (id, route) = (
            RouteId::random(),
            PrivateRoute {
                network: network.parse().unwrap(),
                virtual_network: default_network(),
                tunnel: site.tunnel,
            },
        );
        self.change(Change::Private(PrivateChange::Route(ACCOUNT, id, Some(route))));
        id
    }

    pub(crate) fn remove_route(&self, id: RouteId) {
        self.change(Change::Private(PrivateChange::Route(ACCOUNT, id, None)));
    }

    pub(crate) fn unlink(&self, site: TunnelKey, replica: ConnectorId) -> ChangeNumber {
        self.linked.lock().remove(&(site, replica));
        self.change(Change::Mesh(MeshChange::Replica(site, replica, None)))
    }

    pub(crate) fn linked(&self, site: TunnelKey, replica: ConnectorId) -> Option<LinkedReplica> {
        self.linked.lock().get(&(site, replica)).cloned()
    }

    /// Replicas with an open connection, as the API would list them.
    pub(crate) fn open(&self) -> Vec<ConnectorId> {
        let mut open = BTreeMap::new();
        for event in self.events.lock().iter() {
            match event {
                PresenceEvent::Opened(opened) => {
                    open.insert(opened.connection, opened.connector.id);
                }
                PresenceEvent::Closed(closed) => {
                    assert!(
                        open.remove(&closed.connection).is_some(),
                        "closed once, after it was opened"
                    );
                }
                PresenceEvent::Configured(_) | PresenceEvent::LocallyConfigured(_) => {}
            }
        }
        open.into_values().collect()
    }

    pub(crate) fn close_reasons(&self) -> Vec<CloseReason> {
        let events = self.events.lock();
        let reasons = events.iter().filter_map(|event| match event {
            PresenceEvent::Closed(closed) => Some(closed.reason),
            PresenceEvent::Opened(_) | PresenceEvent::Configured(_) | PresenceEvent::LocallyConfigured(_) => {
                None
            }
        });
        reasons.collect()
    }

    fn put(&self, site: TunnelKey, replica: ConnectorId, linked: LinkedReplica) -> ChangeNumber {
        self.linked.lock().insert((site, replica), linked.clone());
        self.change(Change::Mesh(MeshChange::Replica(site, replica, Some(linked))))
    }
}

pub(crate) fn default_network() -> VirtualNetworkId {
    VirtualNetworkId::from_slice(&[1; 16]).unwrap()
}

#[async_trait]
impl MeshLinks for MemoryStore {
    async fn link(&self, new: NewLink) -> Result<(LinkedReplica, ChangeNumber), LinkError> {
        let addresses = {
            let linked = self.linked.lock();
            if linked
                .iter()
                .any(|((_, replica), one)| *replica != new.connector && one.key == new.key)
            {
                return Err(LinkError::TakenKey);
            }
            let number = u32::try_from(linked.len()).unwrap() + 2;
            let known = linked
                .get(&(new.tunnel, new.connector))
                .map(|known| known.addresses);
            known.unwrap_or(MeshAddresses {
                v4: Ipv4Addr::from(0x6460_0000 + number),
                v6: Ipv6Addr::from(0xfd00 << 112 | u128::from(number)),
            })
        };
        let linked = LinkedReplica {
            identity: new.identity,
            key: new.key,
            addresses,
            linked_at: Timestamp::from_unix_micros(0).unwrap(),
        };
        let change = self.put(new.tunnel, new.connector, linked.clone());
        Ok((linked, change))
    }

    async fn change_key(
        &self,
        tunnel: TunnelKey,
        connector: ConnectorId,
        key: PeerKey,
    ) -> Result<ChangeNumber, LinkError> {
        let linked = self.linked(tunnel, connector).ok_or(LinkError::NoTunnel)?;
        if self.keeps_nothing.load(Ordering::SeqCst) {
            self.keys_not_kept.fetch_add(1, Ordering::SeqCst);
            return Err(LinkError::Store(StoreError {
                doing: "change a key",
                cause: "it is out".into(),
            }));
        }
        let is_others = |((_, replica), other): (&(_, ConnectorId), &LinkedReplica)| {
            *replica != connector && other.key == key
        };
        if self.linked.lock().iter().any(is_others) {
            return Err(LinkError::TakenKey);
        }
        Ok(self.put(tunnel, connector, LinkedReplica { key, ..linked }))
    }
}

#[async_trait]
impl Decisions for MemoryStore {
    async fn decide(
        &self,
        tunnel: TunnelKey,
        seen: Epoch,
        active: Option<ConnectorId>,
        cause: HaCause,
    ) -> Result<HaState, DecideError> {
        if self.keeps_nothing.load(Ordering::Relaxed) {
            let failure = StoreError {
                doing: "keep a decision",
                cause: "it is out of order".into(),
            };
            return Err(failure.into());
        }
        let entry = self
            .sites
            .lock()
            .get(&tunnel)
            .cloned()
            .ok_or(DecideError::NoSite)?;
        let state = entry.state.follow(seen, active)?;
        self.decided.lock().push((state, cause));
        self.put_site(tunnel, SiteEntry { state, ..entry });
        Ok(state)
    }

    async fn note_gap(&self, _tunnel: TunnelKey, _epoch: Epoch, _gap: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn snapshot(&self) -> Result<(Snapshot, ChangeNumber), StoreError> {
        let _ = self.there.subscribe().wait_for(|there| *there).await;
        Ok((Snapshot::default(), ChangeNumber(0)))
    }

    async fn remote_configuration(
        &self,
        _tunnel: TunnelKey,
        _version: ConfigVersion,
    ) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn changes(&self, after: ChangeNumber) -> Result<Changes, StoreError> {
        let seen = usize::try_from(after.0).unwrap();
        let mut changes = self.changes.subscribe();
        let all = changes.wait_for(|all| all.len() > seen).await.unwrap();
        Ok(Changes::Since {
            changes: all[seen..].to_vec(),
            upto: ChangeNumber(all.len() as u64),
        })
    }
}

impl Presence for MemoryStore {
    fn report(&self, event: PresenceEvent) {
        self.events.lock().push(event);
    }
}
