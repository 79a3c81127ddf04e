//! Calls on streams that are opened for one call each.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use adit_model::{ConfigVersion, SessionId};
use adit_wire::{
    StreamKind,
    calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer},
};
use adit_wire_capnp::control_capnp::{configuration_manager, session_manager};
use bytes::Bytes;
use capnp::capability::FromClientHook;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side, twoparty::VatNetwork};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::oneshot,
};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::{
    RpcError, RpcLanes,
    budget::{Budget, Budgeted},
    convert::calls as convert,
    reader_options,
};

/// How long a call may take from its first byte to its answer: stock connectors end the stream then.
pub const CALL_TIME: Duration = Duration::from_secs(5);
/// How long the end of a call that was answered may take.
const GOODBYE: Duration = Duration::from_millis(200);

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// None came in time.
    #[error("no answer within {} s", CALL_TIME.as_secs())]
    TimedOut,
    /// The stream ended first, or what came is no answer.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// A stream that was just opened for one call on the peer. The call writes the preamble; dropping its future ends the
/// stream. An answer is at most 128 KiB.
#[derive(Debug)]
pub struct CallStream<'a, R, W> {
    lanes: &'a RpcLanes,
    reader: R,
    writer: W,
}

impl<'a, R, W> CallStream<'a, R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    /// Takes both halves of the stream, on which nothing has been written.
    #[must_use]
    pub const fn new(lanes: &'a RpcLanes, reader: R, writer: W) -> Self {
        Self {
            lanes,
            reader,
            writer,
        }
    }

    /// updateConfiguration, to a connector: run this configuration if it is newer than what runs.
    ///
    /// # Errors
    /// [`CallError`] if no answer came; a refusal is an answer.
    pub async fn update_configuration(
        self,
        version: ConfigVersion,
        json: Bytes,
    ) -> Result<ConfigurationAnswer, CallError> {
        self.call(async move |connector: configuration_manager::Client| {
            let mut call = connector.update_configuration_request();
            call.get().set_version(version.0);
            call.get().set_config(&json);
            convert::read_configuration_answer(call.send().promise.await?.get()?)
        })
        .await
    }

    /// registerUdpSession, to a connector that speaks datagrams of version 2.
    ///
    /// # Errors
    /// [`CallError`] if no answer came; a refusal is an answer.
    pub async fn register_udp_session(
        self,
        request: RegisterUdpSession,
    ) -> Result<UdpSessionAnswer, CallError> {
        self.call(async move |connector: session_manager::Client| {
            let mut call = connector.register_udp_session_request();
            convert::write_session(&request, call.get());
            convert::read_session_answer(call.send().promise.await?.get()?)
        })
        .await
    }

    /// unregisterUdpSession, to either side: the session has ended, and why.
    ///
    /// # Errors
    /// [`CallError`] if the peer did not confirm it.
    pub async fn unregister_udp_session(self, session: SessionId, message: String) -> Result<(), CallError> {
        self.call(async move |peer: session_manager::Client| {
            let mut call = peer.unregister_udp_session_request();
            call.get().set_session_id(session.as_bytes());
            call.get().set_message(&message[..]);
            call.send().promise.await?;
            Ok(())
        })
        .await
    }

    async fn call<C, T, F>(self, make: F) -> Result<T, CallError>
    where
        C: FromClientHook + 'static,
        T: Send + 'static,
        F: AsyncFnOnce(C) -> Result<T, RpcError> + Send + 'static,
    {
        let Self {
            lanes,
            reader,
            writer,
        } = self;
        let (told, mut answer) = oneshot::channel();
        let carried = lanes.run(move || carry(reader, writer, make, told));
        let ended = tokio::time::timeout(CALL_TIME, carried).await;
        // An answer stays one, however the stream ended after it.
        if let Ok(answer) = answer.try_recv() {
            return Ok(answer);
        }
        ended.map_err(|_| CallError::TimedOut)???;
        Err(RpcError::Ended.into())
    }
}

/// Makes the call, hands its answer over at once, and ends the stream.
async fn carry<R, W, C, T, F>(
    reader: R,
    mut writer: W,
    make: F,
    told: oneshot::Sender<T>,
) -> Result<(), RpcError>
where
    R: AsyncRead + Unpin + 'static,
    W: AsyncWrite + Unpin + 'static,
    C: FromClientHook + 'static,
    F: AsyncFnOnce(C) -> Result<T, RpcError>,
{
    let mut preamble = Vec::new();
    StreamKind::Rpc.encode(&mut preamble);
    writer.write_all(&preamble).await.map_err(|_| RpcError::Ended)?;
    let answered = Rc::new(Cell::new(false));
    let reader = Budgeted {
        inner: reader,
        budget: Budget::answer(),
    };
    let writer = Finished {
        inner: writer,
        answered: Rc::clone(&answered),
    };
    let network = VatNetwork::new(
        reader.compat(),
        writer.compat_write(),
        Side::Client,
        reader_options(),
    );
    let mut system = RpcSystem::new(Box::new(network), None);
    let disconnector = system.get_disconnector();
    let peer: C = system.bootstrap(Side::Server);
    let answer = tokio::select! {
        ended = &mut system => return Err(ended.map_or_else(RpcError::from, |()| RpcError::Ended)),
        answer = make(peer) => answer?,
    };
    answered.set(true);
    let _ = told.send(answer);
    // The peer hears that nothing follows, then the stream ends in order.
    let _ = tokio::time::timeout(GOODBYE, async { tokio::join!(disconnector, system) }).await;
    Ok(())
}

/// Ends its stream in order when dropped after the answer; before it, the stream is cut short.
struct Finished<W: AsyncWrite + Unpin> {
    inner: W,
    answered: Rc<Cell<bool>>,
}

impl<W: AsyncWrite + Unpin> Drop for Finished<W> {
    fn drop(&mut self) {
        if self.answered.get() {
            let mut cx = Context::from_waker(Waker::noop());
            // One that cannot end at once is cut short after all.
            let _ = Pin::new(&mut self.inner).poll_shutdown(&mut cx);
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Finished<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
