//! The router on a listener, safe from clients that send or read slowly, or never stop.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use adit_core::client_address::client_address;
use axum::Router;
use http::{HeaderMap, HeaderName, Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{info, warn};

use crate::state::{ClientAddress, Limits};

/// About the largest head that is read at all, and what every connection may hold before anyone knows who it is.
/// Between the limit and this, the answer has an envelope.
const READ_BYTES: usize = 128 << 10;
/// The most header fields that are read at all.
const READ_FIELDS: usize = 256;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How long to wait when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 until `shutdown`, then lets open requests finish for at most the grace period.
///
/// Every connection is bounded in time while it idles, sends a head or a body, and reads an answer, so a number of
/// slow clients can delay others, for lack of free connections, only as long as those times.
///
/// `trusted_proxies` are those whose `X-Forwarded-For` is believed; everyone else is who it connects as.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    trusted_proxies: Vec<IpNet>,
    shutdown: CancellationToken,
) {
    let trusted = Arc::<[IpNet]>::from(trusted_proxies);
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &free) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot accept a connection"
                );
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = graceful.watch(connection(
            stream,
            peer,
            router.clone(),
            &limits,
            Arc::clone(&trusted),
        ));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                info!(client.address = %peer, error = &error as &dyn std::error::Error, "connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.grace_period, graceful.shutdown())
        .await
        .is_err()
    {
        warn!(
            connections = connections.len(),
            "requests were cut off at the end of the grace period"
        );
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    // Nobody closes the semaphore.
    let permit = Arc::clone(free).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // A peer that is gone already fails here, and soon on its own.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer, permit))
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: &Limits,
    trusted: Arc<[IpNet]>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = ClientAddress(client_of(request.headers(), peer.ip(), &trusted));
        request.extensions_mut().insert(client);
        router.clone().oneshot(request)
    });
    // Hyper bounds how long it reads, but not how long it writes.
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(limits.stall_time));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(READ_BYTES)
        .max_headers(READ_FIELDS)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// Who asks, behind trusted proxies.
fn client_of(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let said = headers.get_all(X_FORWARDED_FOR).iter();
    let told: Vec<&str> = said
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect();
    client_address(trusted, peer, told.into_iter())
}
