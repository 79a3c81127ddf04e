//! Accepts public connections, plain or over TLS.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use adit_net::tls::TlsListener;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tracing::{error, info};

use super::{Peer, PublicLimits, Scheme, service};
use crate::context::Context;

/// How long to wait after the system refused to accept (out of descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How far hyper may read past a head that is still too short to judge.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// What public clients arrive on.
pub(crate) enum Entrance {
    Plain(TcpListener),
    Tls(TlsListener),
}

impl Entrance {
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(listener) => listener.local_addr(),
            Self::Tls(listener) => listener.local_addr(),
        }
    }
}

/// Serves clients until the edge drains.
pub(crate) async fn serve(context: Arc<Context>, limits: Arc<PublicLimits>, entrance: Entrance) {
    let places = Arc::new(Semaphore::new(limits.max_connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        tokio::select! {
            accepted = accept_one(&context, &limits, &entrance, place) => if let Err(error) = accepted {
                error!(%error, "cannot accept public connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            },
            () = context.draining.cancelled() => return,
        }
    }
}

async fn accept_one(
    context: &Arc<Context>,
    limits: &Arc<PublicLimits>,
    entrance: &Entrance,
    place: OwnedSemaphorePermit,
) -> io::Result<()> {
    let (context, limits) = (Arc::clone(context), Arc::clone(limits));
    match entrance {
        Entrance::Plain(listener) => {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let peer = Peer {
                address,
                scheme: Scheme::Http,
            };
            let tasks = context.requests.clone();
            tasks.spawn(serve_connection(context, limits, stream, peer, place));
        }
        Entrance::Tls(listener) => {
            let incoming = listener.accept().await?;
            let peer = Peer {
                address: incoming.remote_address(),
                scheme: Scheme::Https,
            };
            let tasks = context.requests.clone();
            tasks.spawn(async move {
                match incoming.finish().await {
                    Ok(stream) => serve_connection(context, limits, stream, peer, place).await,
                    Err(error) => info!(client = %peer.address, %error, "public TLS handshake failed"),
                }
            });
        }
    }
    Ok(())
}

async fn serve_connection<T>(
    context: Arc<Context>,
    limits: Arc<PublicLimits>,
    stream: T,
    peer: Peer,
    _place: OwnedSemaphorePermit,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    context.metrics.public_connections.increment(1);
    let served = AtomicBool::new(false);
    let handler = service_fn(|request| {
        served.store(true, Ordering::Relaxed);
        service::handle(&context, &limits, peer, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes + READ_AHEAD_BYTES)
        .max_headers(limits.max_headers)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), handler)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = context.stopped.cancelled() => Ok(()),
        () = context.draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = &mut connection => outcome,
                () = context.stopped.cancelled() => Ok(()),
            }
        }
    };
    context.metrics.public_connections.decrement(1);
    if let Err(error) = outcome {
        log_broken(peer, served.load(Ordering::Relaxed), &error);
    }
}

/// Bad input is worth a line, and so is a client that never finished its first head. One that left, or that had no
/// further request, is not: its requests have theirs.
fn log_broken(peer: Peer, served: bool, error: &hyper::Error) {
    let cause = std::error::Error::source(error);
    if error.is_parse() || (error.is_timeout() && !served) {
        info!(client = %peer.address, %error, ?cause, "bad request refused");
    } else {
        tracing::debug!(client = %peer.address, %error, ?cause, "public connection broke");
    }
}
