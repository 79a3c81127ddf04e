//! Answers on streams that the peer opened for calls.

use std::sync::Arc;

use adit_model::{ConfigVersion, SessionId};
use adit_wire::calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer};
use adit_wire_capnp::control_capnp::{cloudflared_server, configuration_manager, session_manager};
use async_trait::async_trait;
use capnp::capability::{Client, Rc};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    CALL_TIME, CallError, RpcLanes,
    budget::{Budget, Budgeted},
    convert::calls as convert,
    server::{answer, failed, how_it_ended},
};

/// What a connector does when the edge calls.
#[async_trait]
pub trait ConnectorService: Send + Sync + 'static {
    /// updateConfiguration: JSON of at most 512 KiB.
    async fn update_configuration(&self, version: ConfigVersion, json: Vec<u8>) -> ConfigurationAnswer;

    /// registerUdpSession.
    async fn register_udp_session(&self, request: RegisterUdpSession) -> UdpSessionAnswer;

    /// unregisterUdpSession: the edge has ended a session. An error travels as an RPC exception with this text.
    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String>;
}

/// What the edge does when a connector calls on a stream of its own.
#[async_trait]
pub trait EdgeService: Send + Sync + 'static {
    /// unregisterUdpSession: a session has ended, and why, in at most 1024 characters of the connector's. An error
    /// travels as an RPC exception with this text.
    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String>;
}

/// Answers the calls on a stream whose preamble has been read, until it ends, for at most [`CALL_TIME`]; dropping the
/// future ends it.
///
/// # Errors
/// [`CallError`] if the peer broke the protocol, sent more than 1 MiB, or left the stream open.
pub async fn serve_connector_calls<R, W>(
    lanes: &RpcLanes,
    reader: R,
    writer: W,
    service: Arc<dyn ConnectorService>,
) -> Result<(), CallError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let calls = || capnp_rpc::new_client::<cloudflared_server::Client, _>(ConnectorCalls(service)).client;
    serve(lanes, reader, writer, Budget::configuration(), calls).await
}

/// As [`serve_connector_calls`], on a stream that a connector opened; it may send 16 KiB.
///
/// # Errors
/// As [`serve_connector_calls`].
pub async fn serve_edge_calls<R, W>(
    lanes: &RpcLanes,
    reader: R,
    writer: W,
    service: Arc<dyn EdgeService>,
) -> Result<(), CallError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let calls = || capnp_rpc::new_client::<session_manager::Client, _>(EdgeCalls(service)).client;
    serve(lanes, reader, writer, Budget::session_end(), calls).await
}

async fn serve<R, W>(
    lanes: &RpcLanes,
    reader: R,
    writer: W,
    budget: Budget,
    calls: impl FnOnce() -> Client + Send + 'static,
) -> Result<(), CallError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let reader = Budgeted {
        inner: reader,
        budget,
    };
    let outcome = lanes.run(move || answer(reader, writer, calls()));
    let outcome = tokio::time::timeout(CALL_TIME, outcome).await;
    Ok(how_it_ended(outcome.map_err(|_| CallError::TimedOut)??)?)
}

struct ConnectorCalls(Arc<dyn ConnectorService>);

impl configuration_manager::Server for ConnectorCalls {
    async fn update_configuration(
        self: Rc<Self>,
        params: configuration_manager::UpdateConfigurationParams,
        mut results: configuration_manager::UpdateConfigurationResults,
    ) -> Result<(), capnp::Error> {
        let (version, json) = convert::read_configuration(params.get()?).map_err(failed)?;
        let answer = self.0.update_configuration(version, json).await;
        convert::write_configuration_answer(&answer, results.get());
        Ok(())
    }
}

impl session_manager::Server for ConnectorCalls {
    async fn register_udp_session(
        self: Rc<Self>,
        params: session_manager::RegisterUdpSessionParams,
        mut results: session_manager::RegisterUdpSessionResults,
    ) -> Result<(), capnp::Error> {
        let request = convert::read_session(params.get()?).map_err(failed)?;
        let answer = self.0.register_udp_session(request).await;
        convert::write_session_answer(&answer, results.get());
        Ok(())
    }

    async fn unregister_udp_session(
        self: Rc<Self>,
        params: session_manager::UnregisterUdpSessionParams,
        _: session_manager::UnregisterUdpSessionResults,
    ) -> Result<(), capnp::Error> {
        let (session, message) = convert::read_session_end(params.get()?).map_err(failed)?;
        let done = self.0.unregister_udp_session(session, message).await;
        done.map_err(failed)
    }
}

impl cloudflared_server::Server for ConnectorCalls {}

struct EdgeCalls(Arc<dyn EdgeService>);

impl session_manager::Server for EdgeCalls {
    async fn unregister_udp_session(
        self: Rc<Self>,
        params: session_manager::UnregisterUdpSessionParams,
        _: session_manager::UnregisterUdpSessionResults,
    ) -> Result<(), capnp::Error> {
        let (session, message) = convert::read_session_end(params.get()?).map_err(failed)?;
        let done = self.0.unregister_udp_session(session, message).await;
        done.map_err(failed)
    }
}
