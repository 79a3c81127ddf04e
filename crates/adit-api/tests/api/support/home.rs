//! An API over a real store in a directory of its own.

use std::{net::IpAddr, ops::Deref, sync::Arc};

use adit_api::{ApiState, Limits, router};
use adit_core::{
    port::{CloseReason, ConnectionClosed, ConnectionOpened, ConnectorInfo, Presence as _, PresenceEvent},
    reserved_hosts::ReservedHosts,
};
use adit_model::{
    ConnectionId, ConnectionIndex, ConnectorId, Location, Timestamp, TransportProtocol, TunnelKey, ZoneId,
};
use adit_store::{Bootstrap, Store, StoreKeys, StoreOptions, UserKey};
use tempfile::TempDir;

use super::{ACCOUNT, Client, EMAIL, KEY, ScriptedEdges, TOKEN};

pub(crate) struct Home {
    client: Client,
    pub(crate) zone: ZoneId,
    pub(crate) store: Arc<Store>,
    pub(crate) edges: Arc<ScriptedEdges>,
    _directory: TempDir,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("adit.db");
        let keys = StoreKeys::new([42; 32]);
        let store = Store::open(file.to_str().unwrap(), &keys, StoreOptions::default())
            .await
            .unwrap();
        let bootstrap = Bootstrap {
            account: ACCOUNT.parse().unwrap(),
            account_name: "Mine".to_owned(),
            domain: "example.com".parse().unwrap(),
            api_token: TOKEN.parse().unwrap(),
            user: Some(UserKey::new(EMAIL, KEY.to_owned())),
        };
        let zone = store.bootstrap(bootstrap).await.unwrap().zone;
        let (store, edges) = (Arc::new(store), Arc::<ScriptedEdges>::default());
        let state = ApiState {
            catalog: Arc::<Store>::clone(&store),
            edges: Arc::<ScriptedEdges>::clone(&edges),
            reserved: ReservedHosts::of_domain(&"example.com".parse().unwrap()).unwrap(),
            limits: Limits::default(),
        };
        Self {
            client: Client {
                router: router(state),
            },
            zone,
            store,
            edges,
            _directory: directory,
        }
    }

    /// An edge reports a connection of a new connector.
    pub(crate) fn connect(&self, tunnel: &str) -> ConnectionId {
        let connection = ConnectionId::random();
        self.store
            .report(PresenceEvent::Opened(Box::new(ConnectionOpened {
                tunnel: key(tunnel),
                connection,
                connector: ConnectorInfo {
                    id: ConnectorId::random(),
                    version: "2026.8.2".to_owned(),
                    arch: "linux_amd64".to_owned(),
                    features: vec!["serialized_headers".to_owned()],
                },
                index: ConnectionIndex(0),
                protocol: TransportProtocol::Quic,
                origin_ip: IpAddr::from([192, 0, 2, 1]),
                location: Location::default(),
                opened_at: Timestamp::from(std::time::SystemTime::now()),
            })));
        connection
    }

    /// An edge reports that a connection has ended.
    pub(crate) fn disconnect(&self, tunnel: &str, connection: ConnectionId) {
        self.store.report(PresenceEvent::Closed(ConnectionClosed {
            tunnel: key(tunnel),
            connection,
            reason: CloseReason::Unregistered,
            closed_at: Timestamp::from(std::time::SystemTime::now()),
        }));
    }
}

fn key(tunnel: &str) -> TunnelKey {
    TunnelKey {
        account: ACCOUNT.parse().unwrap(),
        tunnel: tunnel.parse().unwrap(),
    }
}

impl Deref for Home {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
