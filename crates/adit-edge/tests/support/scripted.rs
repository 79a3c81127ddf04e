//! A tunnel whose connector does what the test says, on either transport.

use std::net::SocketAddr;

use adit_core::port::CloseReason;
use adit_model::ConnectionIndex;
use adit_net::tls::TrustAnchors;
use adit_testing::{
    client,
    cloudflared::Protocol,
    scripted::{ScriptedConnector, registration},
    within,
};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::task::JoinSet;

use super::{HOST, TestEdge, TestTunnel};

/// An edge and a tunnel, for connectors over one transport.
pub(crate) struct Scene {
    pub(crate) edge: TestEdge,
    pub(crate) tunnel: TestTunnel,
    pub(crate) anchors: TrustAnchors,
    pub(crate) protocol: Protocol,
}

impl Scene {
    pub(crate) async fn new(protocol: Protocol) -> Self {
        Self::over(TestEdge::start().await, protocol).await
    }

    pub(crate) async fn over(edge: TestEdge, protocol: Protocol) -> Self {
        let tunnel = edge.tunnel("shop").await;
        let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        Self {
            edge,
            tunnel,
            anchors,
            protocol,
        }
    }

    pub(crate) async fn dial(&self) -> ScriptedConnector {
        ScriptedConnector::dial(self.connectors(), &self.anchors, self.protocol).await
    }

    pub(crate) fn connectors(&self) -> SocketAddr {
        self.edge.edge.addresses().connectors
    }

    /// The four connections of one connector, by their index.
    pub(crate) async fn four_connections(&self) -> Vec<ScriptedConnector> {
        let mut request = registration(&self.tunnel.key, &self.tunnel.secret);
        let mut connections = Vec::new();
        for index in 0..4 {
            request.index = ConnectionIndex(index);
            let connection = self.dial().await;
            connection.register(request.clone()).await.unwrap().unwrap();
            connections.push(connection);
        }
        connections
    }

    /// A registered connector that takes so many requests at once.
    pub(crate) async fn connector_allowing(&self, requests: u32) -> ScriptedConnector {
        let (edge, anchors) = (self.connectors(), &self.anchors);
        let connector = ScriptedConnector::dial_allowing(edge, anchors, self.protocol, requests).await;
        let request = registration(&self.tunnel.key, &self.tunnel.secret);
        connector.register(request).await.unwrap().unwrap();
        connector
    }

    pub(crate) async fn connector(&self) -> ScriptedConnector {
        let connector = self.dial().await;
        let request = registration(&self.tunnel.key, &self.tunnel.secret);
        connector.register(request).await.unwrap().unwrap();
        connector
    }

    pub(crate) fn closed_because(&self, reason: CloseReason) -> usize {
        super::closed_because(&self.edge.store, reason)
    }

    /// Begins a request; its outcome comes when the connector has answered.
    pub(crate) fn ask<B>(&self, request: Request<B>) -> Asking
    where
        B: http_body::Body<Data: Send, Error: Into<client::ClientError>> + Send + 'static,
    {
        let (listener, mut asking) = (self.edge.http(), JoinSet::new());
        asking.spawn(async move { client::send(listener, request).await });
        Asking(asking)
    }

    pub(crate) fn get(&self) -> Asking {
        self.ask(shop("/").body(Empty::<Bytes>::new()).unwrap())
    }
}

/// A request whose answer's head has not come.
pub(crate) struct Asking(
    pub(crate) JoinSet<Result<(http::Response<()>, client::AnswerBody), client::ClientError>>,
);

impl Asking {
    pub(crate) async fn answer(mut self) -> (http::Response<()>, client::AnswerBody) {
        let answer = within("the answer", self.0.join_next()).await;
        answer.unwrap().unwrap().unwrap()
    }
}

pub(crate) fn shop(path: &str) -> http::request::Builder {
    Request::builder().uri(path).header("host", HOST)
}

/// Makes two tests of each function that takes a [`Scene`]: one for each transport.
macro_rules! on_both_transports {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use $crate::support::scripted::Scene;
            use adit_testing::cloudflared::Protocol;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_quic() {
                super::$name(Scene::new(Protocol::Quic).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_http2() {
                super::$name(Scene::new(Protocol::Http2).await).await;
            }
        }
    )*};
}
pub(crate) use on_both_transports;
