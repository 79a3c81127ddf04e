//! Where quinn's own tasks run.

use std::{
    future::Future,
    io,
    net::UdpSocket,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};

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
        TokioRuntime.wrap_udp_socket(socket)
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
