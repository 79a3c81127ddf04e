//! Connectors over QUIC.

use std::sync::Arc;

use adit_core::port::CloseReason;
use adit_net::quic::{QuicConnection, QuicIncoming, QuicListener};
use tracing::{debug, info};

use super::{REGISTRATION_DEADLINE, serve_control};
use crate::{connection::Transport, context::Context, registrar::ControlStream};

/// Accepts connectors until the edge drains, and refuses them from then on, so that they go elsewhere at once.
pub(crate) async fn accept(context: Arc<Context>, listener: Arc<QuicListener>) {
    loop {
        tokio::select! {
            incoming = listener.accept() => match incoming {
                // One that is dropped is refused, and tries another edge.
                Some(incoming) if !context.memory.has_room() => drop(incoming),
                Some(incoming) => { context.tasks.spawn(serve(Arc::clone(&context), incoming)); }
                None => return,
            },
            () = context.draining.cancelled() => break,
        }
    }
    listener.stop_accepting();
    tokio::select! {
        // Refusals leave from here; it accepts nobody.
        _ = listener.accept() => {}
        () = context.stopped.cancelled() => {}
    }
}

async fn serve(context: Arc<Context>, incoming: QuicIncoming) {
    let remote = incoming.remote_address();
    let connection = match incoming.finish().await {
        Ok(connection) => connection,
        Err(error) => {
            context.metrics.handshake_failed();
            info!(%remote, %error, cause = ?std::error::Error::source(&error), "QUIC dial-in failed");
            return;
        }
    };
    let control = ControlStream::new(Arc::clone(&context), Transport::Quic(connection.clone()), remote);
    let reason = tokio::select! {
        reason = carry(&context, &connection, &control) => reason,
        never = connection.discard_datagrams() => match never {},
        cause = connection.closed() => {
            debug!(%remote, %cause, "QUIC connection ended");
            CloseReason::Lost
        }
        () = context.stopped.cancelled() => CloseReason::EdgeStopped,
    };
    control.ended(reason);
    connection.close(0, "");
}

/// Returns why the connection should end; if the connector ends it by itself, never.
async fn carry(
    context: &Arc<Context>,
    connection: &QuicConnection,
    control: &Arc<ControlStream>,
) -> CloseReason {
    // A connectivity probe closes here without having opened a stream: it leaves no trace.
    let opened = tokio::time::timeout(REGISTRATION_DEADLINE, connection.accept_stream()).await;
    let Ok(Ok((writer, reader))) = opened else {
        return CloseReason::Misbehaved;
    };
    match serve_control(context, control, reader, writer).await {
        Some(reason) => reason,
        None => std::future::pending().await,
    }
}
