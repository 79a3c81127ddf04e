//! The connector's side of a control stream.

use std::future::Future;

use adit_wire::registration::{RegisterConnection, RegistrationAnswer};
use adit_wire_capnp::control_capnp::registration_server;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side, twoparty::VatNetwork};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::{RpcError, RpcLanes, convert, reader_options};

/// Calls of a connector on its edge. Cheap to clone; a call waits for the one before it.
#[derive(Clone, Debug)]
pub struct RegistrationClient {
    calls: mpsc::Sender<Call>,
}

#[derive(Debug)]
enum Call {
    Register(
        Box<RegisterConnection>,
        oneshot::Sender<Result<RegistrationAnswer, RpcError>>,
    ),
    Unregister(oneshot::Sender<Result<(), RpcError>>),
    UpdateLocalConfiguration(Vec<u8>, oneshot::Sender<Result<(), RpcError>>),
}

impl RegistrationClient {
    /// Begins RPC on a control stream. The future carries it and must be polled beside the calls; it ends when the
    /// stream does or when the last client is dropped, and dropping it ends the stream.
    pub fn start<R, W>(
        lanes: &RpcLanes,
        reader: R,
        writer: W,
    ) -> (Self, impl Future<Output = Result<(), RpcError>> + Send + '_)
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (calls, receiver) = mpsc::channel(4);
        let carried = async move {
            lanes
                .run(move || async move {
                    let network = VatNetwork::new(
                        reader.compat(),
                        writer.compat_write(),
                        Side::Client,
                        reader_options(),
                    );
                    let mut system = RpcSystem::new(Box::new(network), None);
                    let edge: registration_server::Client = system.bootstrap(Side::Server);
                    tokio::select! {
                        ended = system => ended.map_err(RpcError::from),
                        () = make_calls(edge, receiver) => Ok(()),
                    }
                })
                .await?
        };
        (Self { calls }, carried)
    }

    /// registerConnection.
    ///
    /// # Errors
    /// [`RpcError`] if no answer came; a refusal is an answer.
    pub async fn register(&self, request: RegisterConnection) -> Result<RegistrationAnswer, RpcError> {
        self.call(|answer| Call::Register(Box::new(request), answer))
            .await
    }

    /// unregisterConnection: the edge sends nothing new afterwards.
    ///
    /// # Errors
    /// [`RpcError`] if the edge did not confirm it.
    pub async fn unregister(&self) -> Result<(), RpcError> {
        self.call(Call::Unregister).await
    }

    /// updateLocalConfiguration, JSON of at most 512 KiB.
    ///
    /// # Errors
    /// [`RpcError`] if the edge did not take it.
    pub async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), RpcError> {
        self.call(|answer| Call::UpdateLocalConfiguration(json, answer))
            .await
    }

    async fn call<T>(
        &self,
        call: impl FnOnce(oneshot::Sender<Result<T, RpcError>>) -> Call,
    ) -> Result<T, RpcError> {
        let (sender, answer) = oneshot::channel();
        self.calls.send(call(sender)).await.map_err(|_| RpcError::Ended)?;
        answer.await.map_err(|_| RpcError::Ended)?
    }
}

async fn make_calls(edge: registration_server::Client, mut calls: mpsc::Receiver<Call>) {
    while let Some(call) = calls.recv().await {
        match call {
            Call::Register(request, answer) => {
                let _ = answer.send(register(&edge, &request).await);
            }
            Call::Unregister(answer) => {
                let done = edge.unregister_connection_request().send().promise.await;
                let _ = answer.send(done.map(|_| ()).map_err(RpcError::from));
            }
            Call::UpdateLocalConfiguration(json, answer) => {
                let mut request = edge.update_local_configuration_request();
                request.get().set_config(&json);
                let done = request.send().promise.await;
                let _ = answer.send(done.map(|_| ()).map_err(RpcError::from));
            }
        }
    }
}

async fn register(
    edge: &registration_server::Client,
    request: &RegisterConnection,
) -> Result<RegistrationAnswer, RpcError> {
    let mut call = edge.register_connection_request();
    convert::write_request(request, call.get());
    let response = call.send().promise.await?;
    convert::read_answer(response.get()?)
}
