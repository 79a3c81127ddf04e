//! A client's connection that speaks HTTP/1.

use std::sync::atomic::{AtomicBool, Ordering};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Peer, Shared, listener::log_broken, service};

/// How far hyper may read past a head that is still too short to judge.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// Serves the connection to its end.
pub(super) async fn serve<T>(shared: Shared, stream: T, peer: Peer)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (context, limits) = (&shared.context, &shared.limits);
    let served = AtomicBool::new(false);
    let handler = service_fn(|request| {
        served.store(true, Ordering::Relaxed);
        service::handle(context, limits, peer, None, request)
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
    if let Err(error) = outcome {
        log_broken(peer, served.load(Ordering::Relaxed), &error);
    }
}
