//! One UDP session: a socket that speaks with one address, and the connection that its datagrams go by.

mod end;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_model::SessionId;
use adit_net::quic::DatagramRefused;
use adit_wire::datagram::{MAX_PAYLOAD_BYTES, Version, v2, v3};
use bytes::Bytes;
use parking_lot::Mutex;
use rustix::io::Errno;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Carrier;
use super::limits::FlowPlace;
use super::metrics::Dropped;
pub(super) use end::End;

/// Datagrams that wait for the socket; further ones are dropped.
const MAX_WAITING: usize = 64;
/// Datagrams taken from the socket before others have their turn.
const TAKEN_AT_ONCE: usize = 64;
/// A session of version 3 whose connection went waits so long for the edge to move it: its socket, and with it the port
/// that its peer knows, stays.
const HOMELESS: Duration = Duration::from_secs(5);

/// Errors that are no matter of the next datagram: no memory, or larger than the path takes without fragments.
const OF_ONE_DATAGRAM: [Errno; 2] = [Errno::NOBUFS, Errno::MSGSIZE];

/// One session. Held by the table that it stands in and by the task that runs it.
pub(super) struct UdpFlow {
    pub(super) id: SessionId,
    socket: UdpSocket,
    idle: Duration,
    place: Mutex<Place>,
    /// Its place has changed, or something waits for the socket.
    told: Notify,
    /// The edge has ended it, or another one has its id.
    closed: CancellationToken,
    waiting: Mutex<VecDeque<(Bytes, FlowPlace)>>,
    began: Instant,
    /// Milliseconds after it began.
    active: AtomicU64,
}

struct Place {
    carrier: Arc<Carrier>,
    is_over: bool,
    /// Why the socket takes no more.
    failure: Option<io::Error>,
}

impl UdpFlow {
    pub(super) fn new(id: SessionId, socket: UdpSocket, idle: Duration, carrier: &Arc<Carrier>) -> Arc<Self> {
        Arc::new(Self {
            id,
            socket,
            idle,
            place: Mutex::new(Place {
                carrier: Arc::clone(carrier),
                is_over: false,
                failure: None,
            }),
            told: Notify::new(),
            closed: CancellationToken::new(),
            waiting: Mutex::default(),
            began: Instant::now(),
            active: AtomicU64::new(0),
        })
    }

    /// Goes by this connection from now on. Tells whether that is another one; `None` if the session is over.
    pub(super) fn move_to(&self, carrier: &Arc<Carrier>) -> Option<bool> {
        let mut place = self.place.lock();
        if place.is_over {
            return None;
        }
        self.touch();
        let moves = !Arc::ptr_eq(&place.carrier, carrier);
        if moves {
            place.carrier = Arc::clone(carrier);
            drop(place);
            self.told.notify_one();
        }
        Some(moves)
    }

    /// The edge wants no more of it.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Sends what the edge has sent.
    pub(super) fn send(&self, payload: &[u8]) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            // Asks the system itself: tokio learns only later that a new socket can be written to.
            match SockRef::from(&self.socket).send(payload) {
                Ok(_) => return self.touch(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    drop(waiting);
                    return self.not_sent(error);
                }
            }
        }
        let carrier = self.carrier();
        let place = match waiting.len() {
            0..MAX_WAITING => carrier.private.waiting.take(),
            _ => None,
        };
        let Some(place) = place else {
            drop(waiting);
            return carrier.drops.datagram(Dropped::WriteFull);
        };
        // A copy: a slice would keep all that came with it.
        waiting.push_back((Bytes::copy_from_slice(payload), place));
        drop(waiting);
        self.told.notify_one();
    }

    fn not_sent(&self, error: io::Error) {
        self.carrier().drops.datagram(Dropped::WriteFailed);
        self.fail(error);
    }

    /// A datagram may have been refused for itself; otherwise the session is over.
    fn fail(&self, error: io::Error) {
        let number = error.raw_os_error();
        if !OF_ONE_DATAGRAM
            .iter()
            .any(|errno| number == Some(errno.raw_os_error()))
        {
            self.place.lock().failure.get_or_insert(error);
            self.told.notify_one();
        }
    }

    /// Takes what the system has to say of datagrams that are sent, such as that nobody listens there.
    fn look_for_failure(&self) {
        let took = self
            .socket
            .try_io(Interest::ERROR, || match self.socket.take_error()? {
                Some(error) => Ok(error),
                None => Err(io::ErrorKind::WouldBlock.into()),
            });
        if let Ok(error) = took {
            self.fail(error);
        }
    }

    /// Carries the session to its end.
    pub(super) async fn run(&self) -> End {
        let end = self.carry().await;
        let mut place = self.place.lock();
        place.is_over = true;
        // The socket's own words go over what followed from it.
        match place.failure.take() {
            Some(error) => End::Failed(error),
            None => end,
        }
    }

    async fn carry(&self) -> End {
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.began + self.idle));
        loop {
            let (carrier, has_failed) = {
                let place = self.place.lock();
                (Arc::clone(&place.carrier), place.failure.is_some())
            };
            if has_failed {
                return End::Closed;
            }
            let has_waiting = !self.waiting.lock().is_empty();
            tokio::select! {
                () = self.closed.cancelled() => return End::Closed,
                () = carrier.private.stopped.cancelled() => return End::Closed,
                () = carrier.ended.cancelled() => {
                    if self.is_lost(&carrier).await {
                        return End::Lost;
                    }
                }
                () = self.told.notified() => {}
                () = &mut timer => {
                    let ends = self.last_active() + self.idle;
                    if ends <= Instant::now() {
                        return End::Idle;
                    }
                    timer.as_mut().reset(ends);
                }
                // What went wrong with a datagram under way is told apart from what has come.
                ready = self.socket.ready(Interest::READABLE | Interest::ERROR) => {
                    if ready.is_ok_and(|ready| ready.is_error()) {
                        self.look_for_failure();
                    }
                    self.receive(&carrier).await;
                    tokio::task::yield_now().await;
                }
                _ = self.socket.writable(), if has_waiting => self.flush(),
            }
        }
    }

    /// Its connection went: true, unless the edge gives it another place.
    async fn is_lost(&self, carrier: &Arc<Carrier>) -> bool {
        let is_there = || Arc::ptr_eq(&self.place.lock().carrier, carrier);
        let waited_until = Instant::now() + HOMELESS;
        while is_there() {
            if carrier.version == Version::V2 {
                return true;
            }
            tokio::select! {
                () = self.told.notified() => {}
                () = self.closed.cancelled() => return true,
                () = carrier.private.stopped.cancelled() => return true,
                () = tokio::time::sleep_until(waited_until) => {
                    // It may have been moved at this very moment.
                    let mut place = self.place.lock();
                    place.is_over = Arc::ptr_eq(&place.carrier, carrier);
                    return place.is_over;
                }
            }
        }
        false
    }

    /// Takes what has come, and sends it to the edge. Where too much waits to be sent, it waits in the socket.
    async fn receive(&self, carrier: &Carrier) {
        for _ in 0..TAKEN_AT_ONCE {
            let Some(datagram) = self.next(carrier) else {
                return;
            };
            let sent = match carrier.quic.offer_datagram(datagram.clone()) {
                Err(DatagramRefused::Full) => {
                    let in_turn = carrier.quic.send_datagram_in_turn(datagram);
                    tokio::select! {
                        sent = in_turn => sent,
                        () = carrier.ended.cancelled() => return,
                        () = self.closed.cancelled() => return,
                    }
                }
                sent => sent,
            };
            match sent {
                Ok(()) => self.touch(),
                Err(DatagramRefused::TooLarge) => carrier.drops.datagram(Dropped::TooLarge),
                Err(DatagramRefused::Full | DatagramRefused::Unsupported | DatagramRefused::Closed) => {
                    carrier.drops.datagram(Dropped::WriteFailed);
                }
            }
        }
    }

    /// The next datagram for the edge, if one has come. Holds its buffer for the moment alone: there may be many sessions.
    fn next(&self, carrier: &Carrier) -> Option<Bytes> {
        let mut buffer = [0; MAX_PAYLOAD_BYTES + 1];
        loop {
            let length = match self.socket.try_recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => {
                    self.fail(error);
                    return None;
                }
            };
            let payload = buffer
                .get(..length)
                .filter(|payload| payload.len() <= MAX_PAYLOAD_BYTES);
            let Some(payload) = payload.map(Bytes::copy_from_slice) else {
                carrier.drops.datagram(Dropped::TooLarge);
                continue;
            };
            let session = self.id;
            return Some(match carrier.version {
                Version::V2 => v2::ToEdge::Udp { session, payload }.encode(),
                Version::V3 => v3::ToEdge::Payload { session, payload }.encode(),
            });
        }
    }

    /// Sends what waits, as far as the socket takes it.
    fn flush(&self) {
        let mut waiting = self.waiting.lock();
        while let Some((payload, _)) = waiting.front() {
            match self.socket.try_send(payload) {
                Ok(_) => self.touch(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.not_sent(error),
            }
            waiting.pop_front();
        }
    }

    /// What the edge hears of its end.
    pub(super) fn words(&self, end: &End) -> String {
        end.words(self.idle, &self.socket)
    }

    fn carrier(&self) -> Arc<Carrier> {
        Arc::clone(&self.place.lock().carrier)
    }

    fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active.store(now, Ordering::Relaxed);
    }

    fn last_active(&self) -> Instant {
        self.began + Duration::from_millis(self.active.load(Ordering::Relaxed))
    }
}
