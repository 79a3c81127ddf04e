//! Runs a session: moves its frames and watches that the peer lives.

use bytes::Bytes;
use h2::client::Connection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::liveness::{self, Life};
use super::watched::Watched;
use super::{H2Error, H2Limits};

/// Runs one session; nothing moves unless [`H2Driver::run`] is polled.
#[must_use = "a session moves only while its driver runs"]
pub struct H2Driver<T: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<Watched<T>, Bytes>,
    limits: H2Limits,
    life: Life,
    ended: CancellationToken,
    /// The window that the session's holder wants.
    window: watch::Receiver<u32>,
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
        life: Life,
        ended: CancellationToken,
        window: watch::Receiver<u32>,
    ) -> Self {
        Self {
            connection,
            limits,
            life,
            ended,
            window,
        }
    }

    /// Runs the session to its end, then drops the TCP connection.
    pub async fn run(mut self) -> H2End {
        let ping = self.connection.ping_pong();
        let liveness = liveness::watch(ping, self.limits, self.life);
        tokio::pin!(liveness);
        loop {
            tokio::select! {
                biased;
                () = self.ended.cancelled() => return H2End::Closed,
                Ok(()) = self.window.changed() => {
                    let bytes = *self.window.borrow_and_update();
                    self.connection.set_target_window_size(bytes);
                }
                ended = &mut self.connection => return match ended {
                    Ok(()) => H2End::Done,
                    Err(error) => H2End::Failed(error.into()),
                },
                () = &mut liveness => return H2End::Silent,
            }
        }
    }
}
