//! Connectors over TLS over TCP: here the edge is the HTTP/2 client. Nodes of the mesh dial the same port, and are handed on.

use std::{sync::Arc, time::Duration};

use adit_core::port::CloseReason;
use adit_net::{
    h2::{H2Error, H2Limits, H2RecvBody, H2SendBody, H2Session},
    mesh::{self, ControlStreams},
    tls::{TlsIncoming, TlsListener, TlsStream},
};
use adit_wire::http2::{UPGRADE_CONTROL, UPGRADE_HEADER};
use http::{HeaderValue, Request, Uri};
use tracing::{debug, info};

use super::{REGISTRATION_DEADLINE, serve_control};
use crate::{complaint::Complaint, connection::Transport, context::Context, registrar::ControlStream};

/// How long the goodbye to a connector may take to reach it.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long to wait after the system refused to accept (out of descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connectors until the edge drains.
pub(crate) async fn accept(context: Arc<Context>, listener: TlsListener) {
    let mut refused = Complaint::default();
    loop {
        tokio::select! {
            incoming = listener.accept() => match incoming {
                Ok(incoming) if !context.memory.has_room() => drop(incoming),
                Ok(incoming) => { context.tasks.spawn(serve(Arc::clone(&context), incoming)); }
                Err(error) => {
                    refused.cannot_accept("connectors over TCP", &error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = context.draining.cancelled() => return,
        }
    }
}

async fn serve(context: Arc<Context>, incoming: TlsIncoming) {
    let remote = incoming.remote_address();
    let stream = match incoming.finish().await {
        Ok(stream) => stream,
        Err(error) => {
            context.metrics.handshake_failed();
            info!(%remote, %error, cause = ?std::error::Error::source(&error), "TCP dial-in failed");
            return;
        }
    };
    if stream.alpn() == Some(adit_wire::mesh::ALPN)
        && let Some(mesh) = &context.mesh
    {
        return hand_over(mesh.as_ref(), stream);
    }
    let (session, driver) = match H2Session::start(stream, H2Limits::default()).await {
        Ok(started) => started,
        Err(error) => {
            context.metrics.handshake_failed();
            debug!(%remote, %error, "HTTP/2 dial-in ended before its preface");
            return;
        }
    };
    let control = ControlStream::new(Arc::clone(&context), Transport::Http2(session.clone()), remote);
    let driving = driver.run();
    tokio::pin!(driving);
    let reason = tokio::select! {
        end = &mut driving => {
            debug!(%remote, ?end, "HTTP/2 connection ended");
            control.ended(CloseReason::Lost);
            return session.close();
        }
        reason = carry(&context, &session, &control) => reason,
        () = session.until_draining() => CloseReason::EdgeStopped,
        () = context.stopped.cancelled() => CloseReason::EdgeStopped,
    };
    control.ended(reason);
    if reason == CloseReason::EdgeStopped {
        // The control stream has ended with `carry`: a GOAWAY follows the last exchange.
        session.drain();
        let _ = tokio::time::timeout(GOODBYE, driving).await;
    }
    session.close();
}

/// A mesh node has dialled, not a connector.
fn hand_over(mesh: &dyn ControlStreams, stream: TlsStream) {
    let remote = stream.remote_address();
    match mesh::ControlStream::accepted(stream) {
        Ok(stream) => mesh.accept(stream),
        Err(error) => debug!(%remote, %error, "a mesh node went away at once"),
    }
}

/// Returns why the connection should end; if the connector ends it by itself, never.
async fn carry(context: &Arc<Context>, session: &H2Session, control: &Arc<ControlStream>) -> CloseReason {
    // A stock connector over HTTP/2 exits when its first registration is refused for any reason but its secret or its
    // tunnel; it waits without a limit for the stream on which it registers.
    context.tunnels.until_ready().await;
    let opened = tokio::time::timeout(REGISTRATION_DEADLINE, open_control_stream(session)).await;
    let Ok(Ok((reader, writer))) = opened else {
        return CloseReason::Misbehaved;
    };
    match serve_control(context, control, reader, writer).await {
        Some(reason) => reason,
        None => std::future::pending().await,
    }
}

async fn open_control_stream(session: &H2Session) -> Result<(H2RecvBody, H2SendBody), H2Error> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("https://h2.cftunnel.com/");
    request
        .headers_mut()
        .insert(UPGRADE_HEADER, HeaderValue::from_static(UPGRADE_CONTROL));
    let (response, body) = session.open(request, false).await?;
    let (_head, answer) = response.await?;
    Ok((answer, body))
}
