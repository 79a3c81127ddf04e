//! An edge with one tunnel and its connector, and clients that write byte by byte.

use std::convert::Infallible;

use adit_edge::PublicLimits;
use adit_net::tls::TrustAnchors;
use adit_testing::{
    client::{self, AnswerBody, ClientError},
    cloudflared::Protocol,
    scripted::ScriptedConnector,
    within,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{Empty, StreamBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

use crate::support::{TestEdge, TestTunnel};

/// The host name that the tunnel serves.
pub(crate) const HOST: &str = "shop.adit.localhost";

pub(crate) struct Stage {
    pub(crate) edge: TestEdge,
    pub(crate) anchors: TrustAnchors,
    pub(crate) connector: ScriptedConnector,
}

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

impl Stage {
    pub(crate) async fn new(protocol: Protocol) -> Self {
        Self::with(protocol, PublicLimits::default()).await
    }

    pub(crate) async fn with(protocol: Protocol, limits: PublicLimits) -> Self {
        let edge = TestEdge::start_with(limits).await;
        let tunnel: TestTunnel = edge.tunnel("shop").await;
        let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        let address = edge.edge.addresses().connectors;
        let dialled = ScriptedConnector::registered(address, &anchors, protocol, &tunnel.key, &tunnel.secret);
        let connector = dialled.await;
        Self {
            edge,
            anchors,
            connector,
        }
    }

    /// Begins a request for a path of the host name; its outcome comes when the connector has answered.
    pub(crate) fn ask<B>(
        &self,
        speaks: Speaks,
        request: http::request::Builder,
        path: &str,
        body: B,
    ) -> Asking
    where
        B: Body<Data: Send, Error: Into<ClientError>> + Send + Unpin + 'static,
    {
        let mut asking = JoinSet::new();
        match speaks {
            Speaks::Http1 => {
                let request = request.uri(path).header("host", HOST).body(body).unwrap();
                let listener = self.edge.http();
                asking.spawn(async move { client::send(listener, request).await });
            }
            Speaks::Http2 => {
                let request = request.uri(format!("https://{HOST}{path}")).body(body).unwrap();
                let listener = self.edge.edge.addresses().https.unwrap();
                let anchors = self.anchors.clone();
                asking.spawn(async move { client::send_http2(listener, &anchors, request).await });
            }
        }
        Asking(asking)
    }

    pub(crate) fn get(&self, speaks: Speaks) -> Asking {
        self.ask(speaks, Request::get("/"), "/", Empty::<Bytes>::new())
    }

    /// A client that writes as it likes.
    pub(crate) async fn raw(&self) -> Raw {
        Raw(TcpStream::connect(self.edge.http()).await.unwrap())
    }
}

/// A body of unknown length that grows by what is sent, and ends when the sender is dropped.
pub(crate) fn streamed() -> (
    mpsc::UnboundedSender<Bytes>,
    impl Body<Data = Bytes, Error = Infallible> + Send + Unpin,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pieces = stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((Ok(Frame::data(piece)), receiver))
    });
    (sender, StreamBody::new(pieces.boxed()))
}

/// A request whose answer's head has not come.
pub(crate) struct Asking(JoinSet<Result<(Response<()>, AnswerBody), ClientError>>);

impl Asking {
    pub(crate) async fn answer(mut self) -> (Response<()>, AnswerBody) {
        let answer = within("the answer", self.0.join_next()).await;
        answer.unwrap().unwrap().unwrap()
    }

    /// The answer's status and body.
    pub(crate) async fn text(self) -> (u16, String) {
        let (head, mut body) = self.answer().await;
        let body = within("the body", body.read()).await.unwrap();
        (head.status().as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }
}

/// A client's connection, as bytes.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads until all that came ends with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut came = Vec::new();
        while !came.ends_with(end.as_bytes()) {
            let read = within(end, self.0.read_u8()).await;
            assert!(
                read.is_ok(),
                "{read:?} after {:?}",
                String::from_utf8_lossy(&came)
            );
            came.extend(read);
        }
        String::from_utf8(came).unwrap()
    }

    /// Whether nothing comes for a moment: what is shown is that something does not happen.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let moment = std::time::Duration::from_millis(300);
        tokio::time::timeout(moment, self.0.read_u8()).await.is_err()
    }

    /// All that comes until the edge closes.
    pub(crate) async fn rest(mut self) -> String {
        let mut came = Vec::new();
        let _ = within("the end", self.0.read_to_end(&mut came)).await;
        String::from_utf8(came).unwrap()
    }
}
