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
pub(super) struct Batching;

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
        Ok(Arc::new(Socket(TokioRuntime.wrap_udp_socket(socket)?)))
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
struct Socket(Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.0).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        let whole_message = usize::from(u16::MAX).div_ceil(usize::from(MAX_PACKET));
        self.0.max_receive_segments().min(whole_message)
    }

    fn may_fragment(&self) -> bool {
        self.0.may_fragment()
    }
}
