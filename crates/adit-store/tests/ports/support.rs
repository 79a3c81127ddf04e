//! A store in a place of its own, with a clock that tests turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use adit_core::port::{
    Actor, Catalog, CatalogError, ChangeNumber, CloseReason, ConnectionClosed, ConnectionOpened,
    ConnectorInfo, Directory, DnsRecordKind, NewDnsRecord, NewTunnel, PageRequest, Presence, PresenceEvent,
    RecordSettings, Tunnel, VirtualNetworkFilter,
};
use adit_model::{
    AccountId, ConfigSource, ConnectionId, ConnectionIndex, ConnectorId, Location, Timestamp,
    TransportProtocol, TunnelId, TunnelKey, TunnelKind, TunnelSecret, ZoneId,
};
use adit_store::{
    ApiTokenValue, Bootstrap, BootstrapOutcome, Clock, Store, StoreKeys, StoreOptions, UserKey,
};

use crate::place::Place;

pub(crate) const TOKEN: &str = "adit-test-token-0123456789-0123456789-ABC";
pub(crate) const EMAIL: &str = "user@example.com";
pub(crate) const KEY: &str = "144c9defac04969c7bfad8efaa8ea194";
pub(crate) const ALL: PageRequest = PageRequest {
    page: 1,
    per_page: 1000,
};

/// A clock that stands still until it is turned, and counts how often it was read: every write reads it once.
#[derive(Clone)]
pub(crate) struct Hands(Arc<(AtomicI64, AtomicUsize)>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new((
            AtomicI64::new(1_700_000_000_000_000),
            AtomicUsize::new(0),
        )))
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::new(move || {
            hands.0.1.fetch_add(1, Ordering::SeqCst);
            hands.now()
        })
    }

    pub(crate) fn reads(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn turn(&self, by: Duration) -> Timestamp {
        self.0
            .0
            .fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
        self.now()
    }
}

/// A [`Home`] of the test's own; where its engine is missing, the test says so and ends.
macro_rules! home {
    () => {
        $crate::support::home!(adit_store::StoreOptions::default())
    };
    ($options:expr) => {
        match crate::support::Home::make($options).await {
            Some(home) => home,
            None => return,
        }
    };
}
pub(crate) use home;

/// A store that was set up.
pub(crate) struct Home {
    pub(crate) place: Place,
    pub(crate) hands: Hands,
    pub(crate) store: Arc<Store>,
    pub(crate) account: AccountId,
    pub(crate) zone: ZoneId,
}

pub(crate) fn keys() -> StoreKeys {
    StoreKeys::new([42; 32])
}

pub(crate) fn set_up(account: AccountId) -> Bootstrap {
    Bootstrap {
        account,
        account_name: "Test".to_owned(),
        domain: "adit.localhost".parse().unwrap(),
        api_token: TOKEN.parse::<ApiTokenValue>().unwrap(),
        user: Some(UserKey::new(EMAIL, KEY.to_owned())),
    }
}

impl Home {
    /// A new one. None if there is no such engine here, which is said in the name of the test that asks.
    pub(crate) async fn make(options: StoreOptions) -> Option<Self> {
        let place = match Place::make() {
            Ok(place) => place,
            Err(reason) => {
                // A test's thread has its name.
                let thread = std::thread::current();
                adit_testing::skip(thread.name().unwrap_or("a test of the store"), reason);
                return None;
            }
        };
        let hands = Hands::new();
        let options = StoreOptions {
            clock: hands.clock(),
            ..options
        };
        let store = Store::open(&place.address(), &keys(), options).await.unwrap();
        let BootstrapOutcome { account, zone, .. } =
            store.bootstrap(set_up(AccountId::random())).await.unwrap();
        Some(Self {
            place,
            hands,
            store: Arc::new(store),
            account,
            zone,
        })
    }

    /// Runs a statement beside the store, as a damaged disk or a careless operator would. A literal of bytes is
    /// written as in SQLite.
    pub(crate) async fn tamper(&self, statement: &str) {
        let postgres = statement.replace("x'", "'\\x");
        self.place.run(statement, &postgres).await;
    }

    /// The first column of a query beside the store.
    pub(crate) async fn texts(&self, query: &'static str) -> Vec<String> {
        self.place.texts(query).await
    }

    pub(crate) fn address(&self) -> String {
        self.place.address()
    }

    /// Closes the store and opens it again, as a restart does.
    pub(crate) async fn reopen(self) -> Self {
        self.store.close().await;
        let options = StoreOptions {
            clock: self.hands.clock(),
            ..StoreOptions::default()
        };
        let store = Store::open(&self.address(), &keys(), options).await.unwrap();
        Self {
            store: Arc::new(store),
            ..self
        }
    }

    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        self.store.clone()
    }

    pub(crate) fn directory(&self) -> Arc<dyn Directory> {
        self.store.clone()
    }

    pub(crate) fn presence(&self) -> Arc<dyn Presence> {
        self.store.clone()
    }

    pub(crate) fn new_tunnel(&self, name: &str) -> NewTunnel {
        new_tunnel(self.account, name)
    }

    pub(crate) async fn create(&self, name: &str) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        self.catalog()
            .create_tunnel(self.new_tunnel(name), &actor())
            .await
    }

    /// Makes a tunnel a second later than anything before it.
    pub(crate) async fn tunnel(&self, name: &str) -> Tunnel {
        self.hands.turn(Duration::from_secs(1));
        self.create(name).await.unwrap().0
    }

    /// The change number once the account has what it starts with, which its first tunnel would make.
    pub(crate) async fn settled(&self) -> ChangeNumber {
        let filter = VirtualNetworkFilter::default();
        self.catalog()
            .virtual_networks(self.account, &filter)
            .await
            .unwrap();
        self.catalog().change_number().await.unwrap()
    }

    /// The number of the newest change.
    pub(crate) async fn now(&self) -> ChangeNumber {
        self.catalog().change_number().await.unwrap()
    }

    pub(crate) async fn get(&self, key: TunnelKey) -> Tunnel {
        self.catalog().tunnel(key).await.unwrap().unwrap()
    }

    pub(crate) async fn delete(&self, key: TunnelKey) -> ChangeNumber {
        self.catalog().delete_tunnel(key, true, &actor()).await.unwrap().1
    }

    /// Reports an opened connection and returns its end, to be reported later.
    pub(crate) fn connect(&self, tunnel: TunnelKey, connector: ConnectorId, index: u8) -> ConnectionClosed {
        let opened = opened(tunnel, connector, index, self.hands.now());
        let (connection, closed_at) = (opened.connection, opened.opened_at);
        self.presence().report(PresenceEvent::Opened(Box::new(opened)));
        ConnectionClosed {
            tunnel,
            connection,
            reason: CloseReason::Lost,
            closed_at,
        }
    }

    /// Reports a connection's end, now.
    pub(crate) fn disconnect(&self, closed: ConnectionClosed) {
        self.presence().report(PresenceEvent::Closed(ConnectionClosed {
            closed_at: self.hands.now(),
            ..closed
        }));
    }

    pub(crate) async fn wait_for_connections(&self, tunnel: TunnelKey, count: usize) -> Tunnel {
        let present = async || {
            let tunnel = self.get(tunnel).await;
            let live: usize = tunnel
                .connectors
                .iter()
                .map(|connector| connector.connections.len())
                .sum();
            (live == count).then_some(tunnel)
        };
        wait_for("the connections to be written", present).await
    }

    pub(crate) async fn publish(&self, host: &str, tunnel: TunnelId) -> ChangeNumber {
        self.catalog()
            .create_dns_record(self.zone, route(host, tunnel), &actor())
            .await
            .unwrap()
            .1
    }
}

pub(crate) fn new_tunnel(account: AccountId, name: &str) -> NewTunnel {
    NewTunnel {
        account,
        kind: TunnelKind::CfdTunnel,
        name: name.parse().unwrap(),
        config_source: ConfigSource::Local,
        secret: TunnelSecret::new(format!("{name:-<32}").into_bytes()).unwrap(),
    }
}

pub(crate) fn route(host: &str, tunnel: TunnelId) -> NewDnsRecord {
    NewDnsRecord {
        kind: DnsRecordKind::Cname,
        name: host.parse().unwrap(),
        content: format!("{tunnel}.cfargotunnel.com"),
        proxied: true,
        ttl: 1,
        comment: String::new(),
        tags: Vec::new(),
        settings: RecordSettings::default(),
    }
}

pub(crate) fn opened(
    tunnel: TunnelKey,
    connector: ConnectorId,
    index: u8,
    at: Timestamp,
) -> ConnectionOpened {
    ConnectionOpened {
        tunnel,
        connection: ConnectionId::random(),
        connector: ConnectorInfo {
            id: connector,
            version: "2026.8.2".to_owned(),
            arch: "linux_amd64".to_owned(),
            features: vec!["allow_remote_config".to_owned(), "serialized_headers".to_owned()],
            hostname: None,
        },
        index: ConnectionIndex(index),
        protocol: TransportProtocol::Quic,
        origin_ip: "192.0.2.7".parse().unwrap(),
        location: Location::default(),
        opened_at: at,
    }
}

pub(crate) fn actor() -> Actor {
    Actor {
        name: "token:test".to_owned(),
        email: None,
        address: Some([127, 0, 0, 1].into()),
        request_id: "r1".to_owned(),
    }
}

/// Polls until there is something; fails after ten seconds, naming what never came.
pub(crate) async fn wait_for<T>(what: &str, mut present: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = present().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
