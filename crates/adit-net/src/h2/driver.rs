//! Runs a session: moves its frames and watches that the peer lives.

use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::watched::{ReadCount, Watched};
use super::{H2Error, H2Limits};

/// Runs one session; nothing moves unless [`H2Driver::run`] is polled.
#[must_use = "a session moves only while its driver runs"]
pub struct H2Driver<T: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<Watched<T>, Bytes>,
    limits: H2Limits,
    read: ReadCount,
    ended: CancellationToken,
}

/// Why a session ended.
#[derive(Debug)]
pub enum H2End {
    /// Both sides were done: the peer closed, or the session drained.
    Done,
    /// [`super::H2Session::close`] was called.
    Closed,
    /// The peer answered no ping and sent nothing else.
    Silent,
    /// The session failed.
    Failed(H2Error),
}

impl<T: AsyncRead + AsyncWrite + Unpin> H2Driver<T> {
    pub(super) fn new(
        connection: Connection<Watched<T>, Bytes>,
        limits: H2Limits,
        read: ReadCount,
        ended: CancellationToken,
    ) -> Self {
        Self {
            connection,
            limits,
            read,
            ended,
        }
    }

    /// Runs the session to its end, then drops the TCP connection.
    pub async fn run(mut self) -> H2End {
        let ping = self.connection.ping_pong();
        let liveness = watch(ping, self.limits, self.read);
        tokio::select! {
            biased;
            () = self.ended.cancelled() => H2End::Closed,
            ended = &mut self.connection => match ended {
                Ok(()) => H2End::Done,
                Err(error) => H2End::Failed(error.into()),
            },
            () = liveness => H2End::Silent,
        }
    }
}

/// Returns once the peer is dead.
async fn watch(ping: Option<PingPong>, limits: H2Limits, read: ReadCount) {
    // h2 hands its ping out once, to this driver.
    let Some(mut ping) = ping else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(limits.ping_interval).await;
        if !answered(&mut ping, limits, &read).await {
            return;
        }
    }
}

/// Sends one ping. A pong can stand behind megabytes of bodies on a slow path, so any byte extends the deadline.
async fn answered(ping: &mut PingPong, limits: H2Limits, read: &ReadCount) -> bool {
    let pong = ping.ping(Ping::opaque());
    tokio::pin!(pong);
    loop {
        let before = read.bytes();
        match tokio::time::timeout(limits.ping_deadline, &mut pong).await {
            Ok(Ok(_pong)) => return true,
            // The connection's own future reports what failed.
            Ok(Err(_failed)) => return std::future::pending().await,
            Err(_elapsed) if read.bytes() == before => return false,
            Err(_elapsed) => {}
        }
    }
}
