//! The edge's side: accepts connectors.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, Incoming, ServerConfig, VarInt};

use super::admission::{Admission, Gate};
use super::{CloseCause, HandshakeLimits, QuicConnection, QuicKeys, runtime::Batching, transport};
use crate::socket;

/// First packets that wait for [`QuicListener::accept`], and the bytes they may hold.
const MAX_WAITING: usize = 1024;
const MAX_WAITING_BYTES_EACH: u64 = 64 * 1024;
const MAX_WAITING_BYTES: u64 = 8 * 1024 * 1024;
/// After a restart every former peer wants its reset soon; a reset is smaller than what asked for it.
const MIN_RESET_INTERVAL: Duration = Duration::from_millis(1);

/// A UDP port on which connectors arrive. Dropping it leaves open connections alone.
pub struct QuicListener {
    endpoint: Endpoint,
    gate: Mutex<Gate>,
    limits: HandshakeLimits,
    half_open: Arc<AtomicUsize>,
    draining: AtomicBool,
}

impl QuicListener {
    /// Listens on `addr` (port 0 picks one). Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be bound, or `tls` cannot serve QUIC (no TLS 1.3).
    pub fn bind(
        addr: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
        keys: &QuicKeys,
        limits: HandshakeLimits,
    ) -> io::Result<Self> {
        let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
        let mut server = ServerConfig::with_crypto(Arc::new(crypto));
        server
            .transport_config(transport::edge())
            .migration(true)
            .max_incoming(MAX_WAITING)
            .incoming_buffer_size(MAX_WAITING_BYTES_EACH)
            .incoming_buffer_size_total(MAX_WAITING_BYTES);
        let mut config = transport::endpoint(keys.endpoint_config());
        config.min_reset_interval(MIN_RESET_INTERVAL);
        let endpoint = Endpoint::new(
            config,
            Some(server),
            socket::bind_udp(addr)?,
            Arc::new(Batching::of_edge()),
        )?;
        Ok(Self {
            endpoint,
            gate: Mutex::new(Gate::new(limits)),
            limits,
            half_open: Arc::default(),
            draining: AtomicBool::new(false),
        })
    }

    /// The bound address.
    ///
    /// # Errors
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Waits for the next client that may shake hands; `None` after [`QuicListener::close`]. Cancel safe.
    ///
    /// Floods end here: see [`HandshakeLimits`].
    pub async fn accept(&self) -> Option<QuicIncoming> {
        loop {
            let incoming = self.endpoint.accept().await?;
            if self.draining.load(Ordering::Relaxed) {
                incoming.refuse();
                continue;
            }
            let half_open = self.half_open.load(Ordering::Relaxed);
            let proven = incoming.remote_address_validated() || !incoming.may_retry();
            let admission = self.gate.lock().admit(Instant::now(), half_open, proven);
            match admission {
                Admission::Accept => {
                    let place = HalfOpen::take(&self.half_open);
                    return Some(QuicIncoming {
                        incoming,
                        deadline: self.limits.deadline,
                        place,
                    });
                }
                // A retry fails only where one was answered already, which `may_retry` rules out.
                Admission::ProveAddress => drop(incoming.retry()),
                Admission::Ignore => incoming.ignore(),
            }
        }
    }

    /// Refuses every later handshake, so that a connector tries another edge at once. Open connections go on.
    /// Keep calling [`QuicListener::accept`]: the refusals leave from there.
    pub fn stop_accepting(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Closes every connection with an application code and ends [`QuicListener::accept`].
    pub fn close(&self, code: u32, reason: &str) {
        self.endpoint.close(VarInt::from_u32(code), reason.as_bytes());
    }

    /// Waits until every connection is gone, its last packet sent. Without [`QuicListener::close`] that may be long.
    pub async fn wait_idle(&self) {
        self.endpoint.wait_idle().await;
    }
}

/// A client that may shake hands. Finish it in a task of its own: it may be slow on purpose.
pub struct QuicIncoming {
    incoming: Incoming,
    deadline: Duration,
    place: HalfOpen,
}

/// Why a client did not become a connection. Garbage from strangers ends here.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client took longer than [`HandshakeLimits::deadline`].
    #[error("the client did not finish its QUIC handshake in time")]
    TimedOut,
    /// The handshake failed, e.g. for want of a common ALPN, or the client went away.
    #[error("QUIC handshake failed")]
    Failed(#[source] CloseCause),
}

impl QuicIncoming {
    /// Who dials. The address is proven only once the handshake is done.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.incoming.remote_address()
    }

    /// Shakes hands, within [`HandshakeLimits::deadline`].
    ///
    /// # Errors
    /// If the client is too slow, speaks another protocol or goes away.
    pub async fn finish(self) -> Result<QuicConnection, HandshakeError> {
        let Self {
            incoming,
            deadline,
            place,
        } = self;
        let connecting = incoming
            .accept()
            .map_err(|error| HandshakeError::Failed(error.into()))?;
        let shaken = tokio::time::timeout(deadline, connecting).await;
        drop(place);
        let connection = shaken
            .map_err(|_elapsed| HandshakeError::TimedOut)?
            .map_err(|error| HandshakeError::Failed(error.into()))?;
        Ok(QuicConnection::new(
            connection,
            transport::EDGE_STRANGER_WINDOW,
            transport::EDGE_PEER_STREAMS,
        ))
    }
}

/// A place among the handshakes under way, given back on drop.
struct HalfOpen(Arc<AtomicUsize>);

impl HalfOpen {
    fn take(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
