//! Our own connector, run beside the test.

use adit_connector::{Connector, ConnectorConfig, ConnectorError, ProtocolChoice, Shutdown};
use adit_core::ingress::Ingress;
use adit_net::tls::TrustAnchors;
use adit_testing::{cloudflared::Protocol, within};
use adit_wire::TunnelToken;
use tokio::task::JoinSet;

use super::{TestEdge, TestTunnel};

/// As many connections as a stock connector has.
const CONNECTIONS: usize = 4;

/// A running connector without ingress rules; dropping it ends it at once.
pub(crate) struct OurConnector {
    shutdown: Shutdown,
    _task: JoinSet<Result<(), ConnectorError>>,
}

impl OurConnector {
    /// Starts one and waits until all its connections are registered.
    pub(crate) async fn start(
        edge: &TestEdge,
        tunnel: &TestTunnel,
        protocol: Protocol,
        change: impl FnOnce(&mut ConnectorConfig),
    ) -> Self {
        let token = TunnelToken {
            tunnel: tunnel.key,
            secret: tunnel.secret.clone(),
        };
        let trust = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        let edges = vec![edge.edge.addresses().connectors.into(); CONNECTIONS];
        let mut config = ConnectorConfig::new(token, edges, trust, Ingress::unconfigured());
        config.protocol = ProtocolChoice::Only(match protocol {
            Protocol::Quic => adit_connector::Protocol::Quic,
            Protocol::Http2 => adit_connector::Protocol::Http2,
        });
        change(&mut config);
        let connector = Connector::new(config).unwrap();
        let (status, shutdown) = (connector.status(), Shutdown::new());
        let mut task = JoinSet::new();
        task.spawn(connector.run(shutdown.clone()));
        within("registered connections", status.wait_ready(CONNECTIONS)).await;
        Self {
            shutdown,
            _task: task,
        }
    }

    /// Ends it without letting anything finish.
    pub(crate) fn abort(&self) {
        self.shutdown.abort();
    }
}
