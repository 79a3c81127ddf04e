//! The calls about sessions of datagrams of version 2, in both directions.

use std::{sync::Arc, time::Duration};

use adit_core::sessions::{End, idle_hint};
use adit_model::SessionId;
use adit_net::quic::{RecvStream, SendStream};
use adit_rpc::{CALL_TIME, CallError, CallStream, EdgeService, RpcError, serve_edge_calls};
use adit_wire::{StreamKind, calls::RegisterUdpSession, decode_preamble};
use async_trait::async_trait;
use tokio::{io::AsyncReadExt, time::timeout};
use tracing::debug;

use super::Carrier;
use crate::private::{
    DatagramFlows,
    sessions::{Flow, words},
};

/// What a connector says when it has as many flows as it may.
const TOO_MANY: &str = "too many active flows";

/// Asks for a session. `None` if the connection has gone, which is told in its own way.
pub(in crate::private) async fn register(
    flows: &DatagramFlows,
    carrier: &Carrier,
    flow: &Flow,
) -> Option<Result<(), End>> {
    let request = RegisterUdpSession {
        session: flow.id,
        destination: flow.to,
        close_after_idle: idle_hint(flow.idle),
        trace_context: String::new(),
    };
    let called = call(flows, carrier, async |stream| {
        stream.register_udp_session(request).await
    });
    Some(match called.await? {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(text)) if text.contains(TOO_MANY) => Err(End::TooMany),
        Ok(Err(text)) => Err(End::Refused(words(&text))),
        Err(CallError::TimedOut) => Err(End::TimedOut),
        Err(CallError::Rpc(RpcError::Ended)) if carrier.quic.close_cause().is_some() => return None,
        Err(CallError::Rpc(error)) => Err(End::Refused(words(&error.to_string()))),
    })
}

/// Tells the connector that a session is over.
pub(in crate::private) async fn unregister(
    flows: &DatagramFlows,
    carrier: &Carrier,
    session: SessionId,
    why: &str,
) {
    let why = why.to_owned();
    let called = call(flows, carrier, async |stream| {
        stream.unregister_udp_session(session, why).await
    })
    .await;
    if let Some(Err(error)) = called {
        // It ends there by itself after its idle time.
        debug!(connection.id = %carrier.connection.id, %error, "a session's end was not confirmed");
    }
}

async fn call<T>(
    flows: &DatagramFlows,
    carrier: &Carrier,
    make: impl AsyncFnOnce(CallStream<'_, RecvStream, SendStream>) -> Result<T, CallError>,
) -> Option<Result<T, CallError>> {
    let _turn = carrier.calls.acquire().await.ok()?;
    let opened = timeout(CALL_TIME, carrier.quic.open_stream()).await;
    let Ok(opened) = opened else {
        return Some(Err(CallError::TimedOut));
    };
    let (writer, reader) = opened.ok()?;
    Some(make(CallStream::new(&flows.context.lanes, reader, writer)).await)
}

/// Answers on a stream that a connector opened: it tells that a session has ended.
pub(super) async fn answer(
    flows: Arc<DatagramFlows>,
    carrier: Arc<Carrier>,
    mut reader: RecvStream,
    writer: SendStream,
) {
    let mut signature = [0; StreamKind::Rpc.preamble_bytes()];
    let read = timeout(PREAMBLE_TIME, reader.read_exact(&mut signature)).await;
    let is_call = matches!(decode_preamble(&signature), Ok(Some((StreamKind::Rpc, _))));
    if !matches!(read, Ok(Ok(_))) || !is_call {
        return;
    }
    let ends = Ends {
        flows: Arc::clone(&flows),
        carrier: Arc::clone(&carrier),
    };
    if let Err(error) = serve_edge_calls(&flows.context.lanes, reader, writer, Arc::new(ends)).await {
        debug!(connection.id = %carrier.connection.id, %error, "a connector's call broke");
    }
}

/// A connector writes what opens a stream at once.
const PREAMBLE_TIME: Duration = Duration::from_secs(5);

struct Ends {
    flows: Arc<DatagramFlows>,
    carrier: Arc<Carrier>,
}

#[async_trait]
impl EdgeService for Ends {
    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String> {
        // That one is not known here is no error: it has ended on both sides at once.
        self.carrier.unregistered(&self.flows, session, &message);
        Ok(())
    }
}
