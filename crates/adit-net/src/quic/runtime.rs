//! Where quinn's own tasks run.

use std::{
    future::Future,
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};

use super::transport::MAX_PACKET;

/// tokio, with drivers that wait for their turn. A driver that is woken by a stream's write would run at once, and send
/// a packet for every write. Here it goes to the end of the queue first, so that the other tasks that are ready can
/// add to what it sends: packets carry several requests and system calls several packets. Where nothing else is ready
/// nothing is waited for.
#[derive(Debug)]
pub(super) struct Batching {
    /// How many messages are taken from the system at a time.
    messages: usize,
}

/// Messages that an edge takes at a time: as many as quinn has room for.
const EDGE_MESSAGES: usize = 32;
/// The same of a connector, whose socket has one peer: each message then holds many packets, and memory that was written
/// to once stays taken.
const CONNECTOR_MESSAGES: usize = 8;

impl Batching {
    pub(super) const fn of_edge() -> Self {
        Self {
            messages: EDGE_MESSAGES,
        }
    }

    pub(super) const fn of_connector() -> Self {
        Self {
            messages: CONNECTOR_MESSAGES,
        }
    }
}

impl Runtime for Batching {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, driver: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(Box::pin(LastInTurn {
            driver,
            waited: false,
        }));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Socket {
            of_tokio: TokioRuntime.wrap_udp_socket(socket)?,
            messages: self.messages,
        }))
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

struct LastInTurn {
    driver: Pin<Box<dyn Future<Output = ()> + Send>>,
    waited: bool,
}

impl Future for LastInTurn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.driver.as_mut().poll(cx)
    }
}

/// tokio's socket, for which less memory is kept. quinn keeps room for 32 messages of so many of the largest packets as
/// the system may join, 64: that is 12 MiB for [`MAX_PACKET`]. A message of UDP never holds more than 64 KiB, whatever
/// it was joined from.
#[derive(Debug)]
struct Socket {
    of_tokio: Arc<dyn AsyncUdpSocket>,
    messages: usize,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.of_tokio).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.of_tokio.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let most = bufs.len().min(self.messages);
        let bufs = bufs.get_mut(..most).unwrap_or_default();
        self.of_tokio.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.of_tokio.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.of_tokio.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        let whole_message = usize::from(u16::MAX).div_ceil(usize::from(MAX_PACKET));
        self.of_tokio.max_receive_segments().min(whole_message)
    }

    fn may_fragment(&self) -> bool {
        self.of_tokio.may_fragment()
    }
}
