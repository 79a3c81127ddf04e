//! One echo flow.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_core::sessions::Unanswered;
use adit_wire::icmp::EchoMessage;
use bytes::Bytes;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::sockets::{Family, Raw, Way};
use super::{Carrier, pass_back};
use crate::private::metrics::Dropped;

/// A flow ends after this without a packet.
const IDLE: Duration = Duration::from_secs(10);
/// The longest answer read, bytes: larger ones do not go through a tunnel.
const MAX_ANSWER: usize = 1500;

/// What makes a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Edges give out ids for each connection anew. The flow keeps its connection, so that no other has this number.
    connection: usize,
    pub(super) asker: IpAddr,
    pub(super) asked: IpAddr,
    pub(super) id: u16,
}

impl Key {
    pub(super) fn new(carrier: &Arc<Carrier>, asker: IpAddr, asked: IpAddr, id: u16) -> Self {
        Self {
            connection: Arc::as_ptr(carrier).addr(),
            asker,
            asked,
            id,
        }
    }
}

/// One flow. Held by the table that it stands in and by the task that runs it.
pub(super) struct EchoFlow {
    pub(super) key: Key,
    pub(super) carrier: Arc<Carrier>,
    out: Out,
    unanswered: Mutex<Unanswered>,
    began: Instant,
    /// Milliseconds after it began.
    active: AtomicU64,
}

/// How its requests go out.
enum Out {
    /// By a socket of its own, for which the system chooses an echo id.
    Own(UdpSocket),
    /// By one socket for all, with this echo id.
    Shared(Arc<Raw>, u16),
}

impl EchoFlow {
    pub(super) fn begin(
        key: Key,
        carrier: &Arc<Carrier>,
        family: &Family,
        way: &Way,
    ) -> Result<Arc<Self>, Dropped> {
        let flow = |out| Self {
            key,
            carrier: Arc::clone(carrier),
            out,
            unanswered: Mutex::default(),
            began: Instant::now(),
            active: AtomicU64::new(0),
        };
        match way {
            Way::Own => {
                let socket = family.socket().map_err(|error| {
                    tracing::debug!(%error, "no socket for echo requests");
                    Dropped::WriteFailed
                })?;
                Ok(Arc::new(flow(Out::Own(socket))))
            }
            Way::Shared(raw) => {
                let add = |id| Arc::new(flow(Out::Shared(Arc::clone(raw), id)));
                raw.add(add).ok_or(Dropped::WriteFull)
            }
            Way::None(_) => Err(Dropped::WriteFailed),
        }
    }

    /// Sends a request.
    pub(super) fn send(&self, echo: &EchoMessage) -> Result<(), Dropped> {
        self.touch();
        // Before it is sent, since the answer may be quick.
        self.unanswered.lock().sent(echo.sequence);
        let (socket, id) = match &self.out {
            // The system writes its own.
            Out::Own(socket) => (socket, echo.id),
            Out::Shared(raw, id) => (raw.socket(), *id),
        };
        let echo = EchoMessage { id, ..echo.clone() };
        let request = echo.encode_bare_request(self.key.asked);
        let to = SocketAddr::new(self.key.asked, 0).into();
        match SockRef::from(socket).send_to(&request, &to) {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, to = %self.key.asked, "an echo request was not sent");
                Err(Dropped::WriteFailed)
            }
        }
    }

    /// Carries the flow to its end.
    pub(super) async fn run(self: &Arc<Self>) {
        let private = &self.carrier.private;
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.began + IDLE));
        loop {
            let answered = async {
                match &self.out {
                    Out::Own(socket) => drop(socket.readable().await),
                    Out::Shared(..) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.carrier.ended.cancelled() => break,
                () = private.stopped.cancelled() => break,
                () = &mut timer => {
                    let ends = self.last_active() + IDLE;
                    if ends <= Instant::now() {
                        break;
                    }
                    timer.as_mut().reset(ends);
                }
                () = answered => {
                    self.receive();
                    tokio::task::yield_now().await;
                }
            }
        }
        if let Out::Shared(raw, id) = &self.out {
            raw.remove(*id);
        }
    }

    /// Takes what has come on its own socket.
    fn receive(&self) {
        let Out::Own(socket) = &self.out else {
            return;
        };
        let mut buffer = [0; MAX_ANSWER];
        loop {
            let (length, from) = match socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // What went wrong with one request is no matter of the next.
                Err(error) => return tracing::debug!(%error, "an echo request failed"),
            };
            let reply = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
            if let Ok(echo) = EchoMessage::decode_bare_reply(from.ip(), &reply) {
                pass_back(self, from.ip(), echo);
            }
        }
    }

    /// Whether this is the first answer to a request of this flow.
    pub(super) fn waits_for(&self, sequence: u16) -> bool {
        self.unanswered.lock().answered(sequence)
    }

    pub(super) fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active.store(now, Ordering::Relaxed);
    }

    fn last_active(&self) -> Instant {
        self.began + Duration::from_millis(self.active.load(Ordering::Relaxed))
    }
}
