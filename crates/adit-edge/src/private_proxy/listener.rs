//! Accepts clients of the proxy.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_keepintvl};
use tokio::net::{TcpListener, TcpStream};

use super::{Proxy, carry};
use crate::{complaint::Complaint, places::Places};

/// How long to wait after the system refused to accept (out of descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A client is asked whether it is still there after this silence, and how often from then on.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15));
/// Connections beside those that carry flows: clients that have not said what they want.
const SPARE: usize = 1024;

/// Serves clients until the edge drains. `flows` is how many flows there may be.
pub(crate) async fn serve(proxy: Arc<Proxy>, listener: TcpListener, flows: usize) {
    let mut places = Places::new(flows + SPARE, Vec::new(), "the private proxy");
    let mut refused = Complaint::default();
    loop {
        let accepting = async {
            let Some(place) = places.free().await else {
                return std::future::pending().await;
            };
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let accepted = tokio::select! {
            accepted = accepting => accepted,
            () = proxy.context.draining.cancelled() => return,
        };
        match accepted {
            Ok((free, (stream, client))) => {
                let Some(place) = places.seat(free, client.ip()) else {
                    continue;
                };
                if !proxy.context.memory.has_room() {
                    continue;
                }
                let proxy = Arc::clone(&proxy);
                proxy.context.requests.clone().spawn(async move {
                    let _place = place;
                    one(proxy, stream, client).await;
                });
            }
            Err(error) => {
                refused.cannot_accept("clients of the private proxy", &error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn one(proxy: Arc<Proxy>, stream: TcpStream, client: SocketAddr) {
    if let Err(error) = prepare(&stream) {
        return tracing::debug!(%client, %error, "a client left at once");
    }
    let stopped = proxy.context.stopped.clone();
    tokio::select! {
        () = Box::pin(carry(proxy, stream, client)) => {}
        () = stopped.cancelled() => {}
    }
}

/// Flows may be silent for days: only the system can tell that a client is gone.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, KEEPALIVE.0)?;
    set_tcp_keepintvl(stream, KEEPALIVE.1)?;
    Ok(())
}
