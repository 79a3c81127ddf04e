//! Where threads that carry packets meet tasks that carry connections.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::BytesMut;
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;

use super::CarrierId;
use crate::udp::{Endpoint, SendBatch};

/// Datagrams of all carriers that wait for the thread that opens them.
const WAITING_IN: usize = 1024;
/// Datagrams that wait for one carrier.
const WAITING_OUT: usize = 512;
/// How many the thread takes at once.
const AT_ONCE: usize = 64;

/// A datagram that came by a carrier.
#[derive(Debug)]
pub(super) struct Came {
    from: Endpoint,
    datagram: BytesMut,
}

/// What tells the thread that waits; nothing tells it to look whether it is to stop.
type News = Option<Came>;

/// All carriers of a hub or a link.
pub struct Board {
    inbound: mpsc::Sender<News>,
    lines: RwLock<BTreeMap<CarrierId, mpsc::Sender<BytesMut>>>,
    next: AtomicU32,
    is_stopped: AtomicBool,
}

/// What came by carriers, for the one thread that opens it.
pub struct Inbox {
    board: Arc<Board>,
    news: Mutex<mpsc::Receiver<News>>,
}

/// One carrier's place at a [`Board`]; given up when dropped. What is sent to it from then on is lost.
pub struct Line {
    board: Arc<Board>,
    id: CarrierId,
    endpoint: Endpoint,
    inbound: mpsc::Sender<News>,
    /// Datagrams for the far end.
    pub(super) outbound: mpsc::Receiver<BytesMut>,
}

/// Brings what came over a [`Line`].
#[derive(Clone)]
pub(super) struct Bringer {
    endpoint: Endpoint,
    inbound: mpsc::Sender<News>,
}

impl Board {
    /// One without carriers.
    #[must_use]
    pub fn new() -> (Arc<Self>, Inbox) {
        let (inbound, news) = mpsc::channel(WAITING_IN);
        let board = Arc::new(Self {
            inbound,
            lines: RwLock::default(),
            next: AtomicU32::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let inbox = Inbox {
            board: Arc::clone(&board),
            news: Mutex::new(news),
        };
        (board, inbox)
    }

    /// A place for a carrier whose far end is there. `None` once so many were given as there are numbers.
    #[must_use]
    pub fn open(self: &Arc<Self>, remote: SocketAddr) -> Option<Line> {
        let last = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(1))
            .ok()?;
        let id = CarrierId(NonZeroU32::new(last.checked_add(1)?)?);
        let (sender, outbound) = mpsc::channel(WAITING_OUT);
        self.lines.write().insert(id, sender);
        Some(Line {
            board: Arc::clone(self),
            id,
            endpoint: Endpoint {
                carrier: Some(id),
                ..remote.into()
            },
            inbound: self.inbound.clone(),
            outbound,
        })
    }

    /// Sends what of a batch goes by carriers, and takes it out of the batch. Does not wait; how many found no room, or
    /// no carrier, and were dropped.
    pub(crate) fn send(&self, batch: &mut SendBatch) -> usize {
        if !batch.is_carried() {
            return 0;
        }
        let mut dropped = 0;
        let lines = self.lines.read();
        for (to, datagram) in batch.take_carried() {
            let line = to.carrier.and_then(|id| lines.get(&id));
            let is_sent = line.is_some_and(|line| line.try_send(datagram).is_ok());
            dropped += usize::from(!is_sent);
        }
        dropped
    }

    /// [`Inbox::wait`] returns, and will.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // Full is as good: the thread does not sleep then.
        let _ = self.inbound.try_send(None);
    }
}

impl Inbox {
    /// Waits until something comes, and hands it over; `false` once the board is stopped. Blocks its thread.
    pub(crate) fn wait(&self, came: &mut Waited) -> bool {
        came.0.clear();
        if !self.board.is_stopped.load(Ordering::SeqCst) {
            self.news.lock().blocking_recv_many(&mut came.0, AT_ONCE);
        }
        !self.board.is_stopped.load(Ordering::SeqCst)
    }
}

/// What [`Inbox::wait`] handed over.
#[derive(Default)]
pub(crate) struct Waited(Vec<News>);

impl Waited {
    /// The datagrams, with where they came from, in the order of their arrival.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (Endpoint, &[u8])> {
        self.0
            .iter()
            .flatten()
            .map(|came| (came.from, came.datagram.as_ref()))
    }
}

impl Line {
    /// What datagrams for the far end are sent to.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    pub(super) fn bringer(&self) -> Bringer {
        Bringer {
            endpoint: self.endpoint,
            inbound: self.inbound.clone(),
        }
    }
}

impl Bringer {
    /// Hands a datagram over; waits for its turn where many wait. `false` if nobody takes any more.
    pub(super) async fn bring(&self, datagram: BytesMut) -> bool {
        let came = Came {
            from: self.endpoint,
            datagram,
        };
        self.inbound.send(Some(came)).await.is_ok()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.board.lines.write().remove(&self.id);
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("lines", &self.lines.read().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    fn batch(to: Endpoint, count: usize) -> SendBatch {
        let mut batch = SendBatch::default();
        for _ in 0..count {
            batch.push(to, BytesMut::zeroed(100));
        }
        batch
    }

    #[test]
    fn a_carrier_that_takes_nothing_holds_up_nobody() {
        let (board, _inbox) = Board::new();
        let (slow, mut quick) = (board.open(address(1)).unwrap(), board.open(address(2)).unwrap());
        assert_eq!(board.send(&mut batch(slow.endpoint(), WAITING_OUT + 7)), 7);
        assert_eq!(board.send(&mut batch(quick.endpoint(), 1)), 0);
        assert!(quick.outbound.try_recv().is_ok());
        let gone = slow.endpoint();
        drop(slow);
        assert_eq!(board.send(&mut batch(gone, 3)), 3, "whoever is gone gets nothing");
    }

    #[test]
    fn what_goes_by_udp_stays_in_the_batch() {
        let (board, _inbox) = Board::new();
        let line = board.open(address(1)).unwrap();
        let mut batch = batch(line.endpoint(), 2);
        batch.push(address(3).into(), BytesMut::zeroed(100));
        assert_eq!(batch.len(), 3);
        assert_eq!(board.send(&mut batch), 0);
        let left: Vec<Endpoint> = batch.datagrams().map(|(to, _)| to).collect();
        assert_eq!(left, [address(3).into()]);
    }

    #[tokio::test]
    async fn carriers_take_turns_when_many_wait_and_a_stop_is_heard() {
        let (board, inbox) = Board::new();
        let [flood, other] = [1, 2].map(|last| board.open(address(last)).unwrap());
        let bringer = flood.bringer();
        let mut flooding = tokio::task::JoinSet::new();
        flooding.spawn(async move { while bringer.bring(BytesMut::zeroed(1)).await {} });
        let sought = other.endpoint();
        let seeking = tokio::task::spawn_blocking(move || {
            let (mut waited, mut seen) = (Waited::default(), 0_usize);
            while inbox.wait(&mut waited) {
                seen += waited.datagrams().count();
                if waited.datagrams().any(|(from, _)| from == sought) {
                    return seen;
                }
            }
            usize::MAX
        });
        assert!(other.bringer().bring(BytesMut::zeroed(1)).await);
        assert!(seeking.await.unwrap() < usize::MAX, "the other one is heard");
        flooding.shutdown().await;

        let (board, inbox) = Board::new();
        let waiting = tokio::task::spawn_blocking(move || inbox.wait(&mut Waited::default()));
        board.stop();
        assert!(!waiting.await.unwrap());
    }
}
