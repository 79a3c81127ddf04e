//! A connector that does what a test says, on either transport.

mod calls;
mod datagrams;
mod exchange;
mod goaways;
mod http2;
mod quic;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use adit_model::{ConnectionIndex, ConnectorId, SessionId, TunnelKey, TunnelSecret};
use adit_net::{
    quic::{CONNECTOR_PEER_STREAMS, CloseCause, QuicConnection},
    tls::TrustAnchors,
};
use adit_rpc::{CallError, CallStream, RegistrationClient, RpcError};
use adit_wire::registration::{ClientInfo, PresentedSecret, RegisterConnection, RegistrationAnswer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinSet,
};

pub use calls::{Called, Offer, Waiting};
pub use datagrams::{AskedSession, speaking_v3};
pub use exchange::{AnswerBody, Asked, AskedBody};

use self::calls::LANES;
use crate::{cloudflared::Protocol, within};

/// How long a dial may take.
const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// One connection of a connector to the edge under test. It answers nothing by itself; dropping it closes it.
pub struct ScriptedConnector {
    /// Its end of a QUIC connection, to misuse; `None` over HTTP/2.
    pub quic: Option<QuicConnection>,
    /// The code of a GOAWAY over HTTP/2.
    goodbye: Arc<OnceLock<u64>>,
    edge: RegistrationClient,
    asked: mpsc::Receiver<Asked>,
    called: mpsc::Receiver<Called>,
    /// Carries it; ends when the connection does.
    carrying: JoinSet<()>,
}

impl ScriptedConnector {
    /// Dials the edge without registering.
    ///
    /// # Panics
    /// When the edge does not take it.
    pub async fn dial(edge: SocketAddr, anchors: &TrustAnchors, protocol: Protocol) -> Self {
        Self::dial_allowing(edge, anchors, protocol, CONNECTOR_PEER_STREAMS).await
    }

    /// As [`ScriptedConnector::dial`]; takes at most so many requests at once.
    ///
    /// # Panics
    /// When the edge does not take it.
    pub async fn dial_allowing(
        edge: SocketAddr,
        anchors: &TrustAnchors,
        protocol: Protocol,
        requests: u32,
    ) -> Self {
        match protocol {
            Protocol::Quic => quic::dial(edge, anchors, requests).await,
            Protocol::Http2 => http2::dial(edge, anchors, requests).await,
        }
    }

    /// Dials the edge and registers as the first connection of a connector of its own.
    ///
    /// # Panics
    /// When the edge refuses it.
    pub async fn registered(
        edge: SocketAddr,
        anchors: &TrustAnchors,
        protocol: Protocol,
        tunnel: &TunnelKey,
        secret: &TunnelSecret,
    ) -> Self {
        let connector = Self::dial(edge, anchors, protocol).await;
        let answer = connector.register(registration(tunnel, secret)).await;
        answer.expect("an answer").expect("a registration");
        connector
    }

    /// Calls registerConnection.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn register(&self, request: RegisterConnection) -> Result<RegistrationAnswer, RpcError> {
        within("the answer to a registration", self.edge.register(request)).await
    }

    /// Calls unregisterConnection.
    ///
    /// # Errors
    /// When it was not confirmed.
    pub async fn unregister(&self) -> Result<(), RpcError> {
        within("the answer to a goodbye", self.edge.unregister()).await
    }

    /// Calls updateLocalConfiguration.
    ///
    /// # Errors
    /// When it was refused.
    pub async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), RpcError> {
        within("the answer", self.edge.update_local_configuration(json)).await
    }

    /// The next request.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> Asked {
        within("a request", self.asked.recv())
            .await
            .expect("the connection is open")
    }

    /// The next call of the edge; up to 64 wait.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next_call(&mut self) -> Called {
        within("a call", self.called.recv())
            .await
            .expect("the connection is open")
    }

    /// The next call of the edge, if one has come.
    pub fn try_next_call(&mut self) -> Option<Called> {
        self.called.try_recv().ok()
    }

    /// Tells the edge over QUIC that a UDP session has ended.
    ///
    /// # Errors
    /// When it was not confirmed.
    ///
    /// # Panics
    /// Over HTTP/2, and when the edge has gone.
    pub async fn end_session(&self, session: SessionId, message: &str) -> Result<(), CallError> {
        let quic = self.quic.as_ref().expect("a QUIC connection");
        let (writer, reader) = quic.open_stream().await.expect("a stream");
        let call = CallStream::new(&LANES, reader, writer);
        call.unregister_udp_session(session, message.to_owned()).await
    }

    /// Waits until the edge has closed the connection, and tells the code of its goodbye: that of CONNECTION_CLOSE or of
    /// GOAWAY. `None` if it said none.
    ///
    /// # Panics
    /// When it does not close it.
    pub async fn goodbye(&mut self) -> Option<u64> {
        self.closed().await;
        match self.quic.as_ref().map(QuicConnection::close_cause) {
            Some(Some(CloseCause::Peer { code, .. })) => Some(code),
            Some(_) => None,
            None => self.goodbye.get().copied(),
        }
    }

    /// Waits until the edge has closed the connection.
    ///
    /// # Panics
    /// When it does not.
    pub async fn closed(&mut self) {
        within("the edge to close the connection", async {
            match &self.quic {
                Some(quic) => drop(quic.closed().await),
                None => while self.carrying.join_next().await.is_some() {},
            }
        })
        .await;
    }
}

/// What a stock connector registers its first connection with.
#[must_use]
pub fn registration(tunnel: &TunnelKey, secret: &TunnelSecret) -> RegisterConnection {
    RegisterConnection {
        account_tag: tunnel.account.to_string(),
        secret: PresentedSecret(secret.expose().to_vec()),
        tunnel: tunnel.tunnel,
        index: ConnectionIndex(0),
        client: ClientInfo {
            id: ConnectorId::random(),
            features: ["allow_remote_config", "serialized_headers", "support_quic_eof"]
                .map(str::to_owned)
                .to_vec(),
            version: "2026.8.2".to_owned(),
            arch: "linux_amd64".to_owned(),
        },
        origin_local_ip: None,
        previous_attempts: 0,
    }
}

/// Begins RPC on a control stream, carried by `carrying`.
pub(crate) fn begin_control<R, W>(carrying: &mut JoinSet<()>, reader: R, writer: W) -> RegistrationClient
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let (client, carried) = RegistrationClient::start(&LANES, reader, writer);
    // How the stream ended is told by the calls.
    carrying.spawn(async move { drop(carried.await) });
    client
}
