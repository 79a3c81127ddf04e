//! One connection, whoever dialled it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use quinn::{Connection, FrameStats, VarInt};
use tokio_util::sync::CancellationToken;

use super::{CONNECTOR_PEER_STREAMS, CloseCause, DatagramRefused, FrameCounts, RecvStream, SendStream};

/// A QUIC connection between connector and edge. Clones are handles to the same connection; it closes with code 0
/// when the last handle and the last stream are dropped.
#[derive(Clone, Debug)]
pub struct QuicConnection {
    connection: Connection,
    limits: Arc<Limits>,
    spare: Arc<Spare>,
    /// Cancelled once somebody takes the peer's datagrams.
    taken: CancellationToken,
}

/// What the peer may do now.
#[derive(Debug)]
struct Limits {
    /// Bytes ahead on all streams together.
    window: AtomicU32,
    /// Streams that are open.
    peer_streams: AtomicU32,
}

/// A stream that was opened to learn that one can be, until somebody has a use for it.
#[derive(Debug, Default)]
struct Spare {
    is_there: AtomicBool,
    stream: Mutex<Option<(SendStream, RecvStream)>>,
}

/// What a connection has measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Current estimate of the round-trip time.
    pub rtt: Duration,
    /// UDP payload size the path carries now, bytes.
    pub mtu: u16,
    /// Congestion window, bytes.
    pub congestion_window_bytes: u64,
    /// Packets sent so far.
    pub sent_packets: u64,
    /// Calls to the system that sent them: fewer than packets where one call sends several (GSO).
    pub send_calls: u64,
    /// Packets believed lost so far.
    pub lost_packets: u64,
    /// UDP payload bytes sent so far.
    pub sent_bytes: u64,
    /// UDP payload bytes received so far.
    pub received_bytes: u64,
    /// Frames sent so far that the peer must acknowledge.
    pub asked_frames: u64,
    /// Acknowledgements received so far.
    pub acks: u64,
    /// Frames sent so far, by kind.
    pub sent_frames: FrameCounts,
    /// Frames received so far, by kind.
    pub received_frames: FrameCounts,
}

impl QuicConnection {
    /// `window` is what the connection's receive window is, bytes; `peer_streams` how many the peer may have open.
    pub(super) fn new(connection: Connection, window: u32, peer_streams: u32) -> Self {
        Self {
            connection,
            limits: Arc::new(Limits {
                window: AtomicU32::new(window),
                peer_streams: AtomicU32::new(peer_streams),
            }),
            spare: Arc::default(),
            taken: CancellationToken::new(),
        }
    }

    /// Opens a bidirectional stream; waits while the peer's limit of open streams is reached. Cancel safe.
    /// The peer sees the stream only once something is written to it.
    ///
    /// # Errors
    /// The cause, once the connection is closed.
    pub async fn open_stream(&self) -> Result<(SendStream, RecvStream), CloseCause> {
        let (send, recv) = self.connection.open_bi().await?;
        Ok((SendStream::new(send), RecvStream::new(recv)))
    }

    /// Opens a bidirectional stream without waiting; `None` while the peer's limit of open streams is reached.
    ///
    /// # Errors
    /// The cause, once the connection is closed.
    pub fn try_open_stream(&self) -> Result<Option<(SendStream, RecvStream)>, CloseCause> {
        if self.spare.is_there.load(Ordering::Acquire)
            && let Some(streams) = self.take_spare()
        {
            return Ok(Some(streams));
        }
        match pin!(self.connection.open_bi()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(opened) => {
                let (send, recv) = opened?;
                Ok(Some((SendStream::new(send), RecvStream::new(recv))))
            }
            Poll::Pending => Ok(None),
        }
    }

    /// Waits until a stream can be opened: the next [`QuicConnection::try_open_stream`] has one. Cancel safe.
    ///
    /// # Errors
    /// The cause, once the connection is closed.
    pub async fn room(&self) -> Result<(), CloseCause> {
        if !self.spare.is_there.load(Ordering::Acquire) {
            // quinn tells nobody how many streams are left: one is opened, and kept.
            let streams = self.open_stream().await?;
            *self.spare.stream.lock() = Some(streams);
            self.spare.is_there.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn take_spare(&self) -> Option<(SendStream, RecvStream)> {
        let mut spare = self.spare.stream.lock();
        self.spare.is_there.store(false, Ordering::Release);
        spare.take()
    }

    /// Waits for the peer's next bidirectional stream, in the order of their ids. Cancel safe.
    ///
    /// # Errors
    /// The cause, once the connection is closed.
    pub async fn accept_stream(&self) -> Result<(SendStream, RecvStream), CloseCause> {
        let (send, recv) = self.connection.accept_bi().await?;
        Ok((SendStream::new(send), RecvStream::new(recv)))
    }

    /// Sends one unreliable datagram; the oldest that wait make room for it.
    ///
    /// # Errors
    /// When it is larger than [`QuicConnection::max_datagram_bytes`], or the connection is closed.
    pub fn send_datagram(&self, datagram: Bytes) -> io::Result<()> {
        self.connection.send_datagram(datagram).map_err(io::Error::other)
    }

    /// Sends one unreliable datagram if there is room for it; those that wait stay.
    ///
    /// # Errors
    /// See [`DatagramRefused`]; the datagram is dropped then.
    pub fn offer_datagram(&self, datagram: Bytes) -> Result<(), DatagramRefused> {
        // Polled once: what would have to wait is not sent.
        let sent = pin!(self.connection.send_datagram_wait(datagram));
        match sent.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(sent) => Ok(sent?),
            Poll::Pending => Err(DatagramRefused::Full),
        }
    }

    /// Sends one unreliable datagram as soon as there is room for it; those that wait stay. Dropping the future drops the
    /// datagram.
    ///
    /// # Errors
    /// See [`DatagramRefused`]; never [`DatagramRefused::Full`].
    pub async fn send_datagram_in_turn(&self, datagram: Bytes) -> Result<(), DatagramRefused> {
        Ok(self.connection.send_datagram_wait(datagram).await?)
    }

    /// Drops what the peer sends until [`QuicConnection::take_datagrams`] is called, then waits: what nobody reads would
    /// be kept, up to 4 MiB. Never completes.
    pub async fn discard_datagrams(&self) -> Infallible {
        tokio::select! {
            biased;
            () = self.taken.cancelled() => {}
            () = async { while self.connection.read_datagram().await.is_ok() {} } => {}
        }
        std::future::pending().await
    }

    /// From now on the peer's datagrams wait for [`QuicConnection::receive_datagram`].
    pub fn take_datagrams(&self) {
        self.taken.cancel();
    }

    /// Waits for the peer's next datagram. Those that nobody takes are kept up to 4 MiB, the newest of them. Cancel
    /// safe.
    ///
    /// # Errors
    /// The cause, once the connection is closed and its last datagram has been taken.
    pub async fn receive_datagram(&self) -> Result<Bytes, CloseCause> {
        Ok(self.connection.read_datagram().await?)
    }

    /// The peer's next datagram, if one has come.
    #[must_use]
    pub fn try_receive_datagram(&self) -> Option<Bytes> {
        match pin!(self.connection.read_datagram()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(datagram) => datagram.ok(),
            Poll::Pending => None,
        }
    }

    /// The largest datagram that the path and the peer take now; `None` if the peer takes none.
    #[must_use]
    pub fn max_datagram_bytes(&self) -> Option<usize> {
        self.connection.max_datagram_size()
    }

    /// Closes at once; unsent data is lost. `reason` is for the peer's log, at most about a thousand bytes of it travel.
    pub fn close(&self, code: u32, reason: &str) {
        self.connection.close(VarInt::from_u32(code), reason.as_bytes());
    }

    /// Waits until the connection is closed, by whomever. Cancel safe.
    pub async fn closed(&self) -> CloseCause {
        self.connection.closed().await.into()
    }

    /// Why the connection is closed, if it is.
    #[must_use]
    pub fn close_cause(&self) -> Option<CloseCause> {
        self.connection.close_reason().map(CloseCause::from)
    }

    /// The peer's address now; it changes when the peer's NAT rebinds.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// The local IP address that the peer reaches, where the system tells.
    #[must_use]
    pub fn local_ip(&self) -> Option<std::net::IpAddr> {
        self.connection.local_ip()
    }

    /// Lets the peer send so many bytes ahead on all streams together. A stranger begins with 128 KiB; one that has
    /// registered may be trusted with more. Everything works in a small window, only slower.
    pub fn set_window(&self, bytes: u32) {
        self.limits.window.store(bytes, Ordering::Relaxed);
        self.connection.set_receive_window(VarInt::from_u32(bytes));
    }

    /// The peer has so many streams open: lets it have more before it is at its limit, up to
    /// [`super::CONNECTOR_PEER_STREAMS`]. Each that may be open takes memory, so there are fewer to begin with.
    pub fn make_room(&self, open: usize) {
        let limit = self.limits.peer_streams.load(Ordering::Relaxed);
        let is_half_taken = u32::try_from(open).is_ok_and(|open| open >= limit / 2);
        if !is_half_taken || limit >= CONNECTOR_PEER_STREAMS {
            return;
        }
        let raised = (limit * 2).min(CONNECTOR_PEER_STREAMS);
        self.limits.peer_streams.store(raised, Ordering::Relaxed);
        self.connection
            .set_max_concurrent_bi_streams(VarInt::from_u32(raised));
    }

    /// Asks the peer whether it lives: [`ConnectionStats::acks`] rises when it does.
    ///
    /// quinn sends no PING on demand. A receive window that grows by a byte is told in a frame that the peer must
    /// acknowledge and otherwise ignores; then the byte is taken back.
    pub fn ask(&self) {
        let window = self.limits.window.load(Ordering::Relaxed);
        self.connection.set_receive_window(VarInt::from_u32(window + 1));
        self.connection.set_receive_window(VarInt::from_u32(window));
    }

    /// Current estimate of the round-trip time.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.connection.rtt()
    }

    /// What the connection has measured so far.
    #[must_use]
    pub fn stats(&self) -> ConnectionStats {
        let stats = self.connection.stats();
        ConnectionStats {
            rtt: stats.path.rtt,
            mtu: stats.path.current_mtu,
            congestion_window_bytes: stats.path.cwnd,
            sent_packets: stats.path.sent_packets,
            send_calls: stats.udp_tx.ios,
            lost_packets: stats.path.lost_packets,
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
            asked_frames: ack_eliciting(&stats.frame_tx),
            acks: stats.frame_rx.acks,
            sent_frames: FrameCounts::of(&stats.frame_tx),
            received_frames: FrameCounts::of(&stats.frame_rx),
        }
    }

    /// What both ends of this connection know under this label, and nobody else (RFC 5705), without a context.
    ///
    /// # Errors
    /// If the handshake is not done.
    pub fn export(&self, label: &[u8]) -> io::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        self.connection
            .export_keying_material(&mut bytes, label, &[])
            .map_err(|_| io::Error::other("no keying material can be exported"))?;
        Ok(bytes)
    }

    /// A number that tells this connection from every other of its endpoint, for logs.
    #[must_use]
    pub fn id(&self) -> usize {
        self.connection.stable_id()
    }
}

/// Frames that must be acknowledged: all but acknowledgements, padding and the goodbye. Source: RFC 9002, section 2.
const fn ack_eliciting(sent: &FrameStats) -> u64 {
    sent.stream
        + sent.datagram
        + sent.ping
        + sent.max_data
        + sent.max_stream_data
        + sent.reset_stream
        + sent.stop_sending
        + sent.new_connection_id
}
