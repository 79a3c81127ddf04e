//! An API over a real store in a place of its own.

use std::{ops::Deref, sync::Arc, time::SystemTime};

use adit_api::{ApiState, Limits, MeshHub, QuickTunnelService, router};
use adit_core::{
    port::{
        Actor, Catalog as _, CloseReason, ConnectionClosed, ConnectionOpened, ConnectorInfo, Presence as _,
        PresenceEvent,
    },
    reserved_hosts::ReservedHosts,
};
use adit_model::{
    AccountId, ApiTokenId, ConnectionId, ConnectionIndex, ConnectorId, Location, PeerKey, Timestamp,
    TransportProtocol, TunnelKey, ZoneId,
};
use adit_store::{Bootstrap, Store, StoreKeys, StoreOptions, UserKey};
use adit_wire::management_token::{ManagementKey, ManagementKeys, ManagementVerifier};

use super::{
    ACCOUNT, Client, EMAIL, KEY, OTHER_ACCOUNT, OTHER_TOKEN, Place, ScriptedEdges, ScriptedLog,
    ScriptedSites, TOKEN,
};

/// The API, its store with two accounts of one zone each, and its edges. Asks with the first account's token.
pub(crate) struct Api {
    client: Client,
    state: ApiState,
    pub(crate) store: Arc<Store>,
    pub(crate) edges: Arc<ScriptedEdges>,
    pub(crate) sites: Arc<ScriptedSites>,
    pub(crate) log: Arc<ScriptedLog>,
    /// The zone `example.com` of the account.
    pub(crate) zone_id: ZoneId,
    /// The zone `example.org` of the other account.
    pub(crate) other_zone_id: ZoneId,
    /// The account's token.
    pub(crate) token_id: ApiTokenId,
    _place: Place,
}

impl Api {
    pub(crate) async fn new() -> Self {
        let place = Place::new();
        let keys = StoreKeys::new([42; 32]);
        let store = Store::open(&place.address(), &keys, StoreOptions::default())
            .await
            .unwrap();
        let bootstrap = Bootstrap {
            account: ACCOUNT.parse().unwrap(),
            account_name: "Account of example.com".to_owned(),
            domain: "example.com".parse().unwrap(),
            api_token: TOKEN.parse().unwrap(),
            user: Some(UserKey::new(EMAIL, KEY.to_owned())),
        };
        let made = store.bootstrap(bootstrap).await.unwrap();
        let other_zone_id = make_other_account(&store).await;
        let (store, edges) = (Arc::new(store), Arc::<ScriptedEdges>::default());
        let (sites, log) = (Arc::<ScriptedSites>::default(), Arc::<ScriptedLog>::default());
        let state = ApiState {
            catalog: Arc::<Store>::clone(&store),
            edges: Arc::<ScriptedEdges>::clone(&edges),
            sites: Arc::<ScriptedSites>::clone(&sites),
            mesh: Some(MeshHub {
                key: PeerKey::from_bytes([9; 32]),
                endpoint: Some("mesh.example.com:51820".to_owned()),
            }),
            log: Arc::<ScriptedLog>::clone(&log),
            management_keys: Arc::new(ManagementKeys::new(ManagementKey::generate(1).unwrap().0, None)),
            quick_tunnels: Some(Arc::new(QuickTunnelService::new("example.com".parse().unwrap()))),
            reserved: ReservedHosts::of_domain(&"example.com".parse().unwrap()).unwrap(),
            limits: Limits::default(),
        };
        Self {
            client: Client {
                router: router(state.clone()),
            },
            state,
            store,
            edges,
            sites,
            log,
            zone_id: made.zone,
            other_zone_id,
            token_id: made.api_token,
            _place: place,
        }
    }

    /// A client of the same API under other limits.
    pub(crate) fn limited(&self, limits: Limits) -> Client {
        let state = ApiState {
            limits,
            ..self.state.clone()
        };
        Client {
            router: router(state),
        }
    }

    /// What the edge verifies management tokens with.
    pub(crate) fn verifier(&self) -> ManagementVerifier {
        self.state.management_keys.verifier()
    }

    /// A client of the same API on a server whose devices dial this.
    pub(crate) fn with_hub(&self, mesh: Option<MeshHub>) -> Client {
        let state = ApiState {
            mesh,
            ..self.state.clone()
        };
        Client {
            router: router(state),
        }
    }

    /// A client of the same API without quick tunnels.
    pub(crate) fn without_quick_tunnels(&self) -> Client {
        let state = ApiState {
            quick_tunnels: None,
            ..self.state.clone()
        };
        Client {
            router: router(state),
        }
    }

    /// The path of the account's zone with something behind it.
    pub(crate) fn zone(&self, rest: &str) -> String {
        format!("/zones/{}{rest}", self.zone_id)
    }

    /// A zone of the account that nobody will miss.
    pub(crate) async fn throwaway_zone(&self) -> ZoneId {
        let name = format!("z{}.example", uuid::Uuid::new_v4().simple());
        let (account, actor) = (ACCOUNT.parse().unwrap(), Actor::system());
        let zone = self.store.create_zone(account, name.parse().unwrap(), &actor);
        zone.await.unwrap().id
    }

    /// An edge reports two connections of a new connector, one after the other. Returns when the API shows them.
    pub(crate) async fn connect(&self, tunnel: &str) -> [ConnectionId; 2] {
        let connector = ConnectorInfo {
            id: ConnectorId::random(),
            version: "2026.8.2".to_owned(),
            arch: "linux_amd64".to_owned(),
            features: vec!["allow_remote_config".to_owned(), "serialized_headers".to_owned()],
            hostname: None,
        };
        let first = self.open(tunnel, connector.clone(), ConnectionIndex(0)).await;
        [first, self.open(tunnel, connector, ConnectionIndex(1)).await]
    }

    /// The one connection of a new replica of a site, and the replica.
    pub(crate) async fn connect_replica(&self, site: &str) -> (ConnectorId, ConnectionId) {
        let connector = ConnectorInfo {
            id: ConnectorId::random(),
            version: "1.0.0".to_owned(),
            arch: "linux_arm64".to_owned(),
            features: vec!["ha".to_owned()],
            hostname: Some("gate-1".to_owned()),
        };
        let replica = connector.id;
        (replica, self.open(site, connector, ConnectionIndex(0)).await)
    }

    /// An edge reports that one connection has ended. Returns when the API shows it.
    pub(crate) async fn close(&self, tunnel: &str, connection: ConnectionId) {
        let tunnel = key(tunnel);
        self.store.report(PresenceEvent::Closed(ConnectionClosed {
            tunnel,
            connection,
            reason: CloseReason::Lost,
            closed_at: Timestamp::from(SystemTime::now()),
        }));
        adit_testing::wait_for("the end of a connection", async || {
            !self.connections_of(tunnel).await.contains(&connection)
        })
        .await;
    }

    /// A tunnel of the account.
    pub(crate) fn key(&self, tunnel: &str) -> TunnelKey {
        key(tunnel)
    }

    async fn open(&self, tunnel: &str, connector: ConnectorInfo, index: ConnectionIndex) -> ConnectionId {
        let (tunnel, connection) = (key(tunnel), ConnectionId::random());
        self.store
            .report(PresenceEvent::Opened(Box::new(ConnectionOpened {
                tunnel,
                connection,
                connector,
                index,
                protocol: TransportProtocol::Quic,
                origin_ip: "::ffff:192.0.2.1".parse().unwrap(),
                location: Location::default(),
                opened_at: Timestamp::from(SystemTime::now()),
            })));
        adit_testing::wait_for("a connection", async || {
            self.connections_of(tunnel).await.contains(&connection)
        })
        .await;
        connection
    }

    /// An edge reports that the connections of a tunnel have ended. Returns when the API shows it.
    pub(crate) async fn disconnect(&self, tunnel: &str, connections: [ConnectionId; 2]) {
        let tunnel = key(tunnel);
        for connection in connections {
            self.store.report(PresenceEvent::Closed(ConnectionClosed {
                tunnel,
                connection,
                reason: CloseReason::Unregistered,
                closed_at: Timestamp::from(SystemTime::now()),
            }));
        }
        adit_testing::wait_for("no connection", async || {
            self.connections_of(tunnel).await.is_empty()
        })
        .await;
    }

    async fn connections_of(&self, tunnel: TunnelKey) -> Vec<ConnectionId> {
        let tunnel = self.store.tunnel(tunnel).await.unwrap().unwrap();
        let connections = tunnel.connectors.iter().flat_map(|c| &c.connections);
        connections.map(|connection| connection.id).collect()
    }
}

impl Deref for Api {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

async fn make_other_account(store: &Store) -> ZoneId {
    let account: AccountId = OTHER_ACCOUNT.parse().unwrap();
    let name = "Account of example.org".to_owned();
    store.create_account(account, name).await.unwrap();
    let token = OTHER_TOKEN.parse().unwrap();
    store
        .create_api_token(account, "other".to_owned(), token)
        .await
        .unwrap();
    let system = Actor::system();
    let zone = store.create_zone(account, "example.org".parse().unwrap(), &system);
    zone.await.unwrap().id
}

fn key(tunnel: &str) -> TunnelKey {
    TunnelKey {
        account: ACCOUNT.parse().unwrap(),
        tunnel: tunnel.parse().unwrap(),
    }
}
