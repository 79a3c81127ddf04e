//! Accepts public connections, plain or over TLS.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use adit_net::tls::TlsListener;
use adit_wire::mesh::CARRIER_ALPN;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_io_timeout::TimeoutWriter;
use tracing::info;

use super::{Entered, Peer, PublicLimits, Scheme, Shared, http1, http2};
use crate::{
    accept::carriers,
    complaint::Complaint,
    context::Context,
    memory::Gated,
    places::{FreePlace, Place, Places},
};

/// How long to wait after the system refused to accept (out of descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

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
    let mut places = Places::new(limits.max_connections, limits.trusted_proxies.clone(), "public");
    let mut refused = Complaint::default();
    let shared = Shared { context, limits };
    loop {
        let accepting = async {
            let Some(place) = places.free().await else {
                return std::future::pending().await;
            };
            accept_one(&shared, &entrance, &mut places, place).await
        };
        tokio::select! {
            accepted = accepting => if let Err(error) = accepted {
                refused.cannot_accept("public clients", &error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            },
            () = shared.context.draining.cancelled() => return,
        }
    }
}

async fn accept_one(
    shared: &Shared,
    entrance: &Entrance,
    places: &mut Places,
    place: FreePlace,
) -> io::Result<()> {
    let (shared, tasks) = (shared.clone(), &shared.context.requests);
    match entrance {
        Entrance::Plain(listener) => {
            let (stream, address) = listener.accept().await?;
            let Some(place) = places.seat(place, address.ip()) else {
                return Ok(());
            };
            if !shared.context.memory.has_room() {
                return Ok(());
            }
            stream.set_nodelay(true)?;
            let peer = Peer {
                address,
                scheme: Scheme::Http,
                entered: Entered::Plainly,
            };
            tasks.spawn(serve_connection(shared, stream, peer, Protocol::Http1, place));
        }
        Entrance::Tls(listener) => {
            let incoming = listener.accept().await?;
            let address = incoming.remote_address();
            let Some(place) = places.seat(place, address.ip()) else {
                return Ok(());
            };
            if !shared.context.memory.has_room() {
                return Ok(());
            }
            tasks.spawn(async move {
                match incoming.finish().await {
                    // Another protocol, with limits of its own: it takes up no place of a public client.
                    Ok(stream) if stream.alpn() == Some(CARRIER_ALPN) => {
                        carriers::take(&shared.context, stream);
                    }
                    Ok(stream) => {
                        let protocol = match stream.alpn() {
                            Some(b"h2") => Protocol::Http2,
                            Some(_) | None => Protocol::Http1,
                        };
                        let peer = Peer {
                            address,
                            scheme: Scheme::Https,
                            entered: entered_for(&shared.context, stream.server_name()),
                        };
                        serve_connection(shared, stream, peer, protocol, place).await;
                    }
                    Err(error) => info!(client = %address, %error, "public TLS handshake failed"),
                }
            });
        }
    }
    Ok(())
}

/// What a client that shook hands for that name may reach.
fn entered_for(context: &Context, server_name: Option<&str>) -> Entered {
    let is_management = |name: &str| name.eq_ignore_ascii_case(context.management.host().as_str());
    if server_name.is_none_or(is_management) {
        Entered::ForManagement
    } else {
        Entered::ForAnother
    }
}

/// Serves a client that came on either entrance, in the protocol that its handshake agreed on.
async fn serve_connection<T>(shared: Shared, stream: T, peer: Peer, protocol: Protocol, _place: Place)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let context = Arc::clone(&shared.context);
    context.metrics.public_connections.increment(1);
    // What an origin leaves unsaid has no time limit; what a client leaves unread holds memory at every hop.
    let mut stream = TimeoutWriter::new(Gated::new(stream, Arc::clone(&context.memory)));
    stream.set_timeout(Some(shared.limits.idle_timeout));
    let stream = Box::pin(stream);
    let served = async {
        match protocol {
            Protocol::Http1 => http1::serve(shared, stream, peer).await,
            Protocol::Http2 => http2::serve(shared, stream, peer).await,
        }
    };
    tokio::select! {
        () = served => {}
        () = context.memory.cut() => {}
    }
    context.metrics.public_connections.decrement(1);
}

/// Bad input is worth a line, and so is a client that never finished its first head. One that left, or that had no
/// further request, is not: its requests have theirs.
pub(super) fn log_broken(peer: Peer, served: bool, error: &hyper::Error) {
    let cause = std::error::Error::source(error);
    if error.is_parse() || (error.is_timeout() && !served) {
        info!(client = %peer.address, %error, ?cause, "bad request refused");
    } else {
        tracing::debug!(client = %peer.address, %error, ?cause, "public connection broke");
    }
}
