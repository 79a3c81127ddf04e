//! The edge's side of a control stream.

use std::sync::Arc;

use adit_wire::registration::{RegisterConnection, RegistrationAnswer};
use adit_wire_capnp::control_capnp::registration_server;
use async_trait::async_trait;
use capnp::capability::{Client, Rc};
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side, twoparty::VatNetwork};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::{
    RpcError, RpcLanes,
    budget::{Budget, Budgeted},
    convert, reader_options,
};

/// What the edge does when a connector calls.
#[async_trait]
pub trait Registrar: Send + Sync + 'static {
    /// registerConnection. A refusal travels inside the answer.
    async fn register(&self, request: RegisterConnection) -> RegistrationAnswer;

    /// unregisterConnection: no new request may be sent on this connection.
    async fn unregister(&self);

    /// updateLocalConfiguration: what a locally managed connector runs, as JSON of at most 512 KiB. An error travels
    /// as an RPC exception with this text.
    async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), String>;
}

/// Answers calls on a control stream until it ends; dropping the future ends it.
///
/// # Errors
/// [`RpcError::Peer`] if the peer broke the protocol or sent more than a control stream may. An orderly end and a
/// broken link are no error: the connection tells the latter.
pub async fn serve_registration<R, W>(
    lanes: &RpcLanes,
    reader: R,
    writer: W,
    registrar: Arc<dyn Registrar>,
) -> Result<(), RpcError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let outcome = lanes.run(move || {
        let budget = Budget::unregistered();
        let reader = Budgeted {
            inner: reader,
            budget: budget.clone(),
        };
        let calls: registration_server::Client = capnp_rpc::new_client(Calls { registrar, budget });
        answer(reader, writer, calls.client)
    });
    how_it_ended(outcome.await?)
}

/// Answers calls on `bootstrap` until the stream ends.
pub(crate) async fn answer<R, W>(reader: R, writer: W, bootstrap: Client) -> Result<(), capnp::Error>
where
    R: AsyncRead + Unpin + 'static,
    W: AsyncWrite + Unpin + 'static,
{
    let network = VatNetwork::new(
        reader.compat(),
        writer.compat_write(),
        Side::Server,
        reader_options(),
    );
    RpcSystem::new(Box::new(network), Some(bootstrap)).await
}

/// An orderly end and a broken link are no error.
pub(crate) fn how_it_ended(outcome: Result<(), capnp::Error>) -> Result<(), RpcError> {
    match outcome {
        Ok(()) => Ok(()),
        // How a Go peer says goodbye.
        Err(error) if error.extra.contains("rpc: shutdown") => Ok(()),
        Err(error) => match RpcError::from(error) {
            RpcError::Ended => Ok(()),
            other @ RpcError::Peer(_) => Err(other),
        },
    }
}

struct Calls {
    registrar: Arc<dyn Registrar>,
    budget: Budget,
}

pub(crate) fn failed(error: impl std::fmt::Display) -> capnp::Error {
    capnp::Error::failed(error.to_string())
}

impl registration_server::Server for Calls {
    async fn register_connection(
        self: Rc<Self>,
        params: registration_server::RegisterConnectionParams,
        mut results: registration_server::RegisterConnectionResults,
    ) -> Result<(), capnp::Error> {
        let request = convert::read_request(params.get()?).map_err(failed)?;
        let answer = self.registrar.register(request).await;
        if answer.is_ok() {
            self.budget.registered();
        }
        convert::write_answer(&answer, results.get());
        Ok(())
    }

    async fn unregister_connection(
        self: Rc<Self>,
        _: registration_server::UnregisterConnectionParams,
        _: registration_server::UnregisterConnectionResults,
    ) -> Result<(), capnp::Error> {
        self.registrar.unregister().await;
        Ok(())
    }

    async fn update_local_configuration(
        self: Rc<Self>,
        params: registration_server::UpdateLocalConfigurationParams,
        _: registration_server::UpdateLocalConfigurationResults,
    ) -> Result<(), capnp::Error> {
        let json = params.get()?.get_config()?.to_vec();
        self.registrar
            .update_local_configuration(json)
            .await
            .map_err(failed)
    }
}
