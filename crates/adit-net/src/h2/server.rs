//! The connector's side of a session: takes the requests that the edge opens.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection};
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite};

use super::liveness::{self, Life};
use super::watched::Watched;
use super::{H2End, H2Error, H2Limits, H2RecvBody, H2Reply};

/// Bounds of one session on the connector's side.
#[derive(Clone, Copy, Debug)]
pub struct H2ServerLimits {
    /// Requests the edge may have open at once. Default 4096, as on QUIC, and the control stream.
    pub streams: u32,
    /// Bytes the edge may send ahead on one stream. Default 1 MiB, as stock connectors allow.
    pub stream_window_bytes: u32,
    /// Bytes the edge may send ahead on all streams together. Default 16 MiB.
    pub connection_window_bytes: u32,
    /// Largest decoded request head, as RFC 9113 counts it. Default 256 KiB.
    pub max_header_list_bytes: u32,
    /// Bytes waiting to be sent on one stream. Default 256 KiB.
    pub max_send_buffer_bytes: usize,
    /// Longest pause between two liveness pings. Default 1 s, as on QUIC.
    pub ping_interval: Duration,
    /// An edge that leaves a ping unanswered and was not heard at all for this long is dead. Default 5 s, as on QUIC.
    pub dead_after: Duration,
    /// The edge has this long to send its preface. Default 5 s.
    pub handshake: Duration,
}

impl Default for H2ServerLimits {
    fn default() -> Self {
        Self {
            streams: crate::quic::CONNECTOR_PEER_STREAMS + 1,
            stream_window_bytes: 1 << 20,
            connection_window_bytes: 16 << 20,
            max_header_list_bytes: 256 << 10,
            max_send_buffer_bytes: 256 << 10,
            ping_interval: crate::quic::KEEP_ALIVE,
            dead_after: crate::quic::IDLE_TIMEOUT,
            handshake: Duration::from_secs(5),
        }
    }
}

/// The largest frame taken, bytes: bulk uploads need few of them.
const MAX_FRAME: u32 = 64 << 10;
/// Requests that the edge has taken back before they were looked at: clients that cancel in crowds are no attack.
const MAX_TAKEN_BACK: usize = 4096;

/// One session on the connector's side. Nothing moves unless [`H2Server::accept`] is polled; dropping it ends the TCP
/// connection.
pub struct H2Server<T> {
    connection: Connection<Watched<T>, Bytes>,
    liveness: Pin<Box<dyn Future<Output = ()> + Send>>,
    life: Life,
}

/// One request of the edge.
pub struct H2Asked {
    /// Its head.
    pub head: Parts,
    /// Its body.
    pub body: H2RecvBody,
    /// Where the answer goes.
    pub reply: H2Reply,
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> H2Server<T> {
    /// Waits for the edge's preface on `io`.
    ///
    /// # Errors
    /// If it does not come within [`H2ServerLimits::handshake`], or something else comes.
    pub async fn start(io: T, limits: H2ServerLimits) -> Result<Self, H2Error> {
        let (io, counts) = Watched::new(io);
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(limits.streams)
            .initial_window_size(limits.stream_window_bytes)
            .initial_connection_window_size(limits.connection_window_bytes)
            .max_header_list_size(limits.max_header_list_bytes)
            .max_send_buffer_size(limits.max_send_buffer_bytes)
            .max_frame_size(MAX_FRAME)
            .max_pending_accept_reset_streams(MAX_TAKEN_BACK);
        let shaken = tokio::time::timeout(limits.handshake, builder.handshake(io)).await;
        let mut connection = shaken.map_err(|elapsed| H2Error::Io(elapsed.into()))??;
        let life = Life::new(counts);
        let pings = H2Limits {
            ping_interval: limits.ping_interval,
            dead_after: limits.dead_after,
            ..H2Limits::default()
        };
        Ok(Self {
            liveness: Box::pin(liveness::watch(connection.ping_pong(), pings, life.clone())),
            connection,
            life,
        })
    }

    /// Waits for the edge's next request, and moves everything meanwhile. Cancel safe.
    ///
    /// # Errors
    /// How the session ended.
    pub async fn accept(&mut self) -> Result<H2Asked, H2End> {
        tokio::select! {
            biased;
            asked = self.connection.accept() => match asked {
                Some(Ok((request, respond))) => {
                    let (head, body) = request.into_parts();
                    Ok(H2Asked {
                        head,
                        body: H2RecvBody::new(body),
                        reply: H2Reply::new(respond),
                    })
                }
                Some(Err(error)) => Err(H2End::Failed(error.into())),
                None => Err(H2End::Done),
            },
            () = &mut self.liveness => Err(H2End::Silent),
        }
    }

    /// Says goodbye: the edge opens no more exchanges, and [`H2Server::accept`] ends with [`H2End::Done`] once the open
    /// ones are done.
    pub fn drain(&mut self) {
        self.connection.graceful_shutdown();
    }

    /// Asks the edge whether it lives: a PING, unless one is unanswered. [`H2Server::heard_bytes`] rises when it does.
    pub fn ask(&self) {
        self.life.ask();
    }

    /// Bytes that came from the edge so far.
    #[must_use]
    pub fn heard_bytes(&self) -> u64 {
        self.life.counts.read()
    }
}
