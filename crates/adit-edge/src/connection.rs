//! One registered connection of a connector.

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use adit_core::{
    choice::Candidate,
    liveness::Health,
    port::{CloseReason, ConnectorInfo, LiveConnection},
};
use adit_model::{ConnectionId, ConnectionIndex, Timestamp, TransportProtocol};
use adit_net::{h2::H2Session, quic::QuicConnection};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    management::Known,
    memory::{MemoryBudget, Wanted, WindowGrant},
    route::Chosen,
};

const KIB: u32 = 1024;
/// Receive windows of QUIC connections. The largest is what a fast path far away needs.
const QUIC_WINDOWS: Wanted = Wanted([16 * 1024 * KIB, 1536 * KIB, 128 * KIB]);
/// The same for HTTP/2, where one stream has 1 MiB.
const HTTP2_WINDOWS: Wanted = Wanted([16 * 1024 * KIB, 1024 * KIB, 128 * KIB]);

/// What carries a connection.
#[derive(Clone)]
pub(crate) enum Transport {
    Quic(QuicConnection),
    Http2(H2Session),
}

impl Transport {
    pub(crate) const fn protocol(&self) -> TransportProtocol {
        match self {
            Self::Quic(_) => TransportProtocol::Quic,
            Self::Http2(_) => TransportProtocol::Http2,
        }
    }

    /// The windows that a registered connection may have.
    const fn windows(&self) -> Wanted {
        match self {
            Self::Quic(_) => QUIC_WINDOWS,
            Self::Http2(_) => HTTP2_WINDOWS,
        }
    }

    /// How many requests the peer takes at once, besides its control stream; `None` if it does not say.
    fn request_limit(&self) -> Option<usize> {
        match self {
            Self::Quic(_) => None,
            Self::Http2(session) => Some(session.stream_limit().saturating_sub(1)),
        }
    }

    /// Waits until a stream can be opened; on a connection that has ended, for ever.
    async fn room(&self) {
        if let Self::Quic(connection) = self
            && connection.room().await.is_err()
        {
            std::future::pending().await
        }
    }

    /// Opens the window of a connection that has registered.
    fn widen(&self, bytes: u32) {
        match self {
            Self::Quic(connection) => connection.set_window(bytes),
            Self::Http2(session) => session.set_window(bytes),
        }
    }

    /// Room for its window; `None` if there is none left.
    pub(crate) fn reserve(&self, memory: &MemoryBudget) -> Option<WindowGrant> {
        memory.windows.grant(self.windows()).filter(|_| memory.has_room())
    }

    /// Asks the peer whether it lives.
    pub(crate) fn ask(&self) {
        match self {
            Self::Quic(connection) => connection.ask(),
            Self::Http2(session) => session.ask(),
        }
    }

    /// Ends it at once, with the code that makes a connector come back without delay.
    pub(crate) fn close(&self) {
        match self {
            Self::Quic(connection) => connection.close(0, ""),
            Self::Http2(session) => session.close(),
        }
    }
}

/// A connection in the registry. Requests hold it while they run.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) connector: ConnectorInfo,
    pub(crate) index: ConnectionIndex,
    pub(crate) remote: SocketAddr,
    pub(crate) opened_at: Timestamp,
    pub(crate) transport: Transport,
    pending: AtomicUsize,
    /// How many requests may run on it, where the peer has said so; QUIC keeps that to itself.
    limit: AtomicUsize,
    /// Its peer took no further stream when one was last wanted.
    full: AtomicBool,
    /// It has become so.
    filled: Notify,
    /// How much its bytes weigh, in requests.
    weight: AtomicU64,
    health: watch::Sender<Health>,
    /// Whether that is [`Health::Healthy`], for every request to read without a lock.
    healthy: AtomicBool,
    doubted: AtomicBool,
    /// It got work, or is doubted.
    woken: Notify,
    ended: CancellationToken,
    /// Fires when the last request has ended while the connection drains.
    idle: CancellationToken,
    draining: AtomicBool,
    close_reason: OnceLock<CloseReason>,
    window: OnceLock<WindowGrant>,
    /// Whether its connector serves management under this edge's name for it.
    pub(crate) management: Known,
}

impl Connection {
    pub(crate) fn new(
        connector: ConnectorInfo,
        index: ConnectionIndex,
        remote: SocketAddr,
        transport: Transport,
        opened_at: Timestamp,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: ConnectionId::random(),
            connector,
            index,
            remote,
            opened_at,
            transport,
            pending: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
            full: AtomicBool::new(false),
            filled: Notify::new(),
            weight: AtomicU64::new(0),
            health: watch::Sender::new(Health::Healthy),
            healthy: AtomicBool::new(true),
            doubted: AtomicBool::new(false),
            woken: Notify::new(),
            ended: CancellationToken::new(),
            idle: CancellationToken::new(),
            draining: AtomicBool::new(false),
            close_reason: OnceLock::new(),
            window: OnceLock::new(),
            management: Known::default(),
        })
    }

    /// It is in service now, with the window that was granted.
    pub(crate) fn widen(&self, grant: WindowGrant) {
        self.transport.widen(grant.bytes());
        let _ = self.window.set(grant);
    }

    /// How many requests run on it.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// What speaks for and against it when a request looks for one.
    pub(crate) fn candidate(&self) -> Candidate {
        let weight = usize::try_from(self.weight.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        Candidate {
            load: self.pending().saturating_add(weight),
            healthy: self.healthy.load(Ordering::Relaxed),
            has_room: self.pending() < self.limit.load(Ordering::Relaxed)
                && !self.full.load(Ordering::Relaxed),
        }
    }

    /// Reads how many requests the peer takes at once; true if that is more than before.
    pub(crate) fn learn_limit(&self) -> bool {
        let Some(limit) = self.transport.request_limit() else {
            return false;
        };
        self.limit.swap(limit, Ordering::Relaxed) < limit
    }

    /// No further stream could be opened: it gets no new work until one can.
    pub(crate) fn fill(&self) {
        self.full.store(true, Ordering::Release);
        self.filled.notify_one();
    }

    /// Waits until it is full, and then until it has room again. Cancel safe.
    pub(crate) async fn room_again(&self) {
        while !self.full.load(Ordering::Acquire) {
            self.filled.notified().await;
        }
        self.transport.room().await;
        self.full.store(false, Ordering::Release);
    }

    pub(crate) fn weigh(&self, weight: u64) {
        self.weight.store(weight, Ordering::Relaxed);
    }

    /// True if that is news.
    pub(crate) fn set_health(&self, health: Health) -> bool {
        self.healthy.store(health == Health::Healthy, Ordering::Relaxed);
        self.health
            .send_if_modified(|known| std::mem::replace(known, health) != health)
    }

    /// Completes while it is suspect, else when it becomes so. Cancel safe.
    pub(crate) async fn suspected(&self) {
        let mut health = self.health.subscribe();
        // The sender is here, so there is an end to wait for.
        let _ = health.wait_for(|health| *health == Health::Suspect).await;
    }

    /// It must answer before it gets new work, unless that is so already.
    pub(crate) fn doubt(&self) {
        if !self.healthy.swap(false, Ordering::Relaxed) {
            return;
        }
        self.doubted.store(true, Ordering::Release);
        self.woken.notify_one();
    }

    pub(crate) fn take_doubt(&self) -> bool {
        self.doubted.swap(false, Ordering::Acquire)
    }

    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Its link is gone.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Ends it at once; the first reason given is the one that is kept.
    pub(crate) fn close(&self, reason: CloseReason) {
        let _ = self.close_reason.set(reason);
        self.transport.close();
    }

    /// Ends it as soon as nothing runs on it, with a goodbye that makes its connector look for another edge at once.
    pub(crate) fn leave(&self, reason: CloseReason) {
        let _ = self.close_reason.set(reason);
        match &self.transport {
            Transport::Quic(connection) => connection.close(0, ""),
            Transport::Http2(session) => session.drain(),
        }
    }

    /// Why this side closed it; `None` if it did not.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get().copied()
    }

    /// Waits until no request runs on it. It must have been taken out of service before.
    pub(crate) async fn drained(&self) {
        self.draining.store(true, Ordering::SeqCst);
        if self.pending.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.idle.cancelled().await;
    }

    pub(crate) fn describe(&self) -> LiveConnection {
        LiveConnection {
            connection: self.id,
            connector: self.connector.id,
            index: self.index,
            protocol: self.transport.protocol(),
            origin_ip: self.remote.ip().to_canonical(),
            opened_at: self.opened_at,
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// A request's place on a connection, given back on drop.
#[derive(Debug)]
pub(crate) struct Place(Chosen);

impl Place {
    /// `None` if the connection has gone out of service or filled up since it was chosen.
    pub(crate) fn on(chosen: Chosen) -> Option<Self> {
        let connection = &chosen.connection;
        let before = connection.pending.fetch_add(1, Ordering::SeqCst);
        if before == 0 {
            connection.woken.notify_one();
        }
        let refused =
            before >= connection.limit.load(Ordering::Relaxed) || connection.draining.load(Ordering::SeqCst);
        let place = Self(chosen);
        (!refused).then_some(place)
    }

    pub(crate) fn chosen(&self) -> &Chosen {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Chosen { tunnel, connection } = &self.0;
        let before = connection.pending.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && connection.draining.load(Ordering::SeqCst) {
            connection.idle.cancel();
        }
        if before >= connection.limit.load(Ordering::Relaxed) {
            tunnel.room();
        }
    }
}
