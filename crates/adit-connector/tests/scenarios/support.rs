//! A connector that runs beside the test.

use std::sync::Arc;
use std::time::Duration;

use adit_connector::{
    Configurations, Connector, ConnectorConfig, ConnectorError, EdgeAddress, LocalView, RenderMetrics,
    Shutdown, Status,
};
use adit_core::ingress::{Ingress, OriginRequest, Service};
use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use adit_net::tls::TrustAnchors;
use adit_testing::scripted::{EdgeConnection, ScriptedEdge};
use adit_testing::within;
use adit_wire::{FlowKind, RequestHead, TunnelToken};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::task::JoinSet;

/// A running connector; dropping it ends it at once.
pub(crate) struct Running {
    pub(crate) status: Status,
    pub(crate) configurations: Configurations,
    pub(crate) shutdown: Shutdown,
    view: LocalView,
    task: JoinSet<Result<(), ConnectorError>>,
}

impl Running {
    pub(crate) fn start(config: ConnectorConfig) -> Self {
        Self::start_with(config, Shutdown::new())
    }

    pub(crate) fn start_with(config: ConnectorConfig, shutdown: Shutdown) -> Self {
        let connector = Connector::new(config).unwrap();
        let status = connector.status();
        let configurations = connector.configurations();
        let view = connector.local_view(Arc::new(String::new));
        let mut task = JoinSet::new();
        task.spawn(connector.run(shutdown.clone()));
        Self {
            status,
            configurations,
            shutdown,
            view,
            task,
        }
    }

    /// What its local endpoint tells.
    pub(crate) fn view(&self, metrics: RenderMetrics) -> LocalView {
        LocalView {
            metrics,
            ..self.view.clone()
        }
    }

    /// What the connector ended with.
    pub(crate) async fn ended(&mut self) -> Result<(), ConnectorError> {
        within("the connector's end", self.task.join_next())
            .await
            .unwrap()
            .unwrap()
    }
}

pub(crate) fn token() -> TunnelToken {
    TunnelToken {
        tunnel: TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        },
        secret: TunnelSecret::new(vec![7; 32]).unwrap(),
    }
}

pub(crate) fn config(edges: Vec<EdgeAddress>, trust: TrustAnchors, ingress: Ingress) -> ConnectorConfig {
    let mut config = ConnectorConfig::new(token(), edges, trust, ingress);
    config.grace_period = Duration::from_secs(5);
    config
}

/// For one edge, with one service behind everything.
pub(crate) fn single(edge: &ScriptedEdge, service: &str, connections: u8) -> ConnectorConfig {
    let ingress = Ingress::single(Service::parse(service).unwrap(), OriginRequest::default());
    let mut config = config(vec![edge.addr().into()], edge.anchors(), ingress);
    config.ha_connections = connections;
    config
}

/// Trusts two edges, each with a certificate of its own.
pub(crate) fn both(one: &ScriptedEdge, two: &ScriptedEdge) -> TrustAnchors {
    let anchors = [one, two].into_iter().flat_map(|edge| {
        let TrustAnchors::Only(anchors) = edge.anchors() else {
            panic!("a scripted edge has an anchor of its own")
        };
        anchors
    });
    TrustAnchors::Only(anchors.collect())
}

/// A connector with one connection, seen from its edge.
pub(crate) struct Tunnel {
    pub(crate) edge: ScriptedEdge,
    pub(crate) at: EdgeConnection,
    pub(crate) connector: Running,
}

impl Tunnel {
    pub(crate) async fn to(service: &str) -> Self {
        let edge = ScriptedEdge::start();
        let connector = Running::start(single(&edge, service, 1));
        let at = edge.connected(1).await.remove(0);
        Self { edge, at, connector }
    }
}

/// The head of a request for `/path?query=1`.
pub(crate) fn head(method: Method, headers: &[(&'static str, &str)]) -> RequestHead {
    let header = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    RequestHead {
        kind: FlowKind::Http,
        dest: "http://shop.example/path?query=1".to_owned(),
        method,
        host: "shop.example".to_owned(),
        headers: headers.iter().map(header).collect::<HeaderMap>(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}
