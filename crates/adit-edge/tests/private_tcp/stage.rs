//! An edge whose virtual network leads to one tunnel.

use std::{net::SocketAddr, sync::Arc};

use adit_core::{
    networks::Network,
    permission::AddressRule,
    port::{
        ApiToken, Change, NamedNetwork, NetworkToken, PrivateChange, PrivateHostname, PrivateRoute,
        TokenOwner,
    },
};
use adit_edge::EdgeConfig;
use adit_model::{
    AccountId, ApiTokenId, HostnameRouteId, RouteId, SecretDigest, Timestamp, VirtualNetworkId,
};
use adit_net::{
    private::{PrivateDialError, PrivateNetwork, PrivateStream},
    tls::TrustAnchors,
};
use adit_testing::{
    cloudflared::Protocol,
    scripted::{Asked, ScriptedConnector},
    within,
};
use tokio::task::JoinSet;

use crate::support::{TestEdge, TestTunnel};

/// The value of the token of the tunnel's account.
pub(crate) const TOKEN: &str = "0123456789012345678901234567890123456789";

pub(crate) struct Stage {
    pub(crate) edge: TestEdge,
    pub(crate) tunnel: TestTunnel,
    pub(crate) protocol: Protocol,
    pub(crate) network: PrivateNetwork,
    anchors: TrustAnchors,
}

impl Stage {
    /// Private routes may lead to 127.0.0.0/8.
    pub(crate) async fn new(protocol: Protocol) -> Self {
        Self::with(protocol, |_| {}).await
    }

    pub(crate) async fn with(protocol: Protocol, change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let edge = TestEdge::start_as(|config| {
            config.private.allow = vec!["127.0.0.0/8".parse().unwrap()];
            change(config);
        })
        .await;
        let tunnel = edge.tunnel("shop").await;
        let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        let network = PrivateNetwork {
            account: tunnel.key.account,
            network: VirtualNetworkId::random(),
        };
        let stage = Self {
            edge,
            tunnel,
            protocol,
            network,
            anchors,
        };
        stage.change(PrivateChange::VirtualNetwork(
            network.account,
            network.network,
            Some(NamedNetwork {
                name: "prod".parse().unwrap(),
                is_default: true,
            }),
        ));
        stage.token(network.account, TOKEN, |_| {});
        stage.lead("10.0.0.0/8").await;
        stage.lead("127.0.0.0/8").await;
        stage
    }

    fn change(&self, change: PrivateChange) {
        self.edge.change(Change::Private(change));
    }

    /// Leads a network to the tunnel.
    pub(crate) async fn lead(&self, network: &str) {
        let route = PrivateRoute {
            network: network.parse::<Network>().unwrap(),
            virtual_network: self.network.network,
            tunnel: self.tunnel.key.tunnel,
        };
        self.change(PrivateChange::Route(
            self.network.account,
            RouteId::random(),
            Some(route),
        ));
        self.settled().await;
    }

    /// Leads a host name to the tunnel.
    pub(crate) async fn lead_host(&self, pattern: &str) {
        let host = PrivateHostname {
            pattern: pattern.parse().unwrap(),
            tunnel: self.tunnel.key.tunnel,
        };
        self.change(PrivateChange::Hostname(
            self.network.account,
            HostnameRouteId::random(),
            Some(host),
        ));
        self.settled().await;
    }

    /// Makes an API token that reaches an account's networks.
    pub(crate) fn token(&self, account: AccountId, value: &str, change: impl FnOnce(&mut ApiToken)) {
        let at = Timestamp::from_unix_micros(0).unwrap();
        let mut token = ApiToken {
            id: ApiTokenId::random(),
            name: "t".to_owned(),
            owner: TokenOwner::Account(account),
            disabled: false,
            policies: Vec::new(),
            addresses: AddressRule::default(),
            not_before: None,
            expires_at: None,
            created_at: at,
            modified_at: at,
            last_used_at: None,
        };
        change(&mut token);
        let known = NetworkToken {
            account,
            value: SecretDigest::of(value.as_bytes()),
            token,
        };
        self.change(PrivateChange::Token(known.token.id, Some(Box::new(known))));
    }

    /// Waits until the edge knows all that changed.
    pub(crate) async fn settled(&self) {
        self.edge.applied().await;
    }

    pub(crate) async fn connector(&self) -> ScriptedConnector {
        let edge = self.edge.edge.addresses().connectors;
        let tunnel = &self.tunnel;
        ScriptedConnector::registered(edge, &self.anchors, self.protocol, &tunnel.key, &tunnel.secret).await
    }

    pub(crate) fn dial(&self, to: &str) -> Dialling {
        let (dialer, network) = (self.edge.edge.private(), self.network);
        let to: SocketAddr = to.parse().unwrap();
        let mut dialling = JoinSet::new();
        dialling.spawn(async move { Arc::clone(&dialer).tcp(network, to).await });
        Dialling(dialling)
    }

    pub(crate) fn proxy(&self) -> SocketAddr {
        self.edge.edge.addresses().private_proxy.unwrap()
    }
}

/// A dial that nobody has answered.
pub(crate) struct Dialling(JoinSet<Result<Box<dyn PrivateStream>, PrivateDialError>>);

impl Dialling {
    pub(crate) async fn outcome(mut self) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        within("the dial's outcome", self.0.join_next())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn error(self) -> PrivateDialError {
        match self.outcome().await {
            Ok(_) => panic!("it was reached"),
            Err(error) => error,
        }
    }
}

/// Where the edge wants to go.
pub(crate) fn destination(asked: &Asked, protocol: Protocol) -> &str {
    match protocol {
        Protocol::Quic => &asked.head.dest,
        Protocol::Http2 => &asked.head.host,
    }
}

/// Makes two tests of each function that takes a [`Stage`]: one for each transport.
macro_rules! over_both_transports {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use $crate::stage::Stage;
            use adit_testing::cloudflared::Protocol;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_quic() {
                super::$name(Stage::new(Protocol::Quic).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_http2() {
                super::$name(Stage::new(Protocol::Http2).await).await;
            }
        }
    )*};
}
pub(crate) use over_both_transports;
