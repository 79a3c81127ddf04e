//! The answer to one request of the edge: a head, then a body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::ready;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use parking_lot::Mutex;
use tokio::io::AsyncWrite;

use super::{H2Error, H2SendBody};

/// The answer to one request.
///
/// Dropping it before [`H2Reply::finish`] resets the stream, so that an answer cut short never looks complete.
/// `AsyncWrite::poll_shutdown` finishes.
#[derive(Debug)]
pub struct H2Reply {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    Headless(SendResponse<Bytes>),
    Body(H2SendBody),
    Ended,
}

impl H2Reply {
    pub(super) fn new(respond: SendResponse<Bytes>) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::Headless(respond))),
        }
    }

    /// Sends the head; the body follows.
    ///
    /// # Errors
    /// If the head was sent before, the peer reset the stream, or the session ended.
    pub fn answer(&mut self, head: Response<()>) -> Result<(), H2Error> {
        let mut state = self.state.lock();
        let State::Headless(respond) = &mut *state else {
            return Err(H2Error::Ended);
        };
        let body = respond.send_response(head, false)?;
        *state = State::Body(H2SendBody::new(body, false));
        Ok(())
    }

    /// Sends all of `chunk` without copying it; waits while the peer's windows are full.
    /// Not cancel safe: a prefix may have been sent.
    ///
    /// # Errors
    /// If no head was sent, the peer reset the stream, or the session ended.
    pub async fn write_chunk(&mut self, mut chunk: Bytes) -> Result<(), H2Error> {
        std::future::poll_fn(|cx| self.state.lock().body()?.poll_chunk(cx, &mut chunk)).await
    }

    /// The answer is complete. Without a head there is none, and the stream is reset.
    pub fn finish(&mut self) {
        self.state.lock().end(|body| {
            body.finish();
            Ok(())
        });
    }

    /// The answer is complete and ends with `trailers`.
    pub fn finish_with_trailers(&mut self, trailers: HeaderMap) {
        self.state.lock().end(|body| body.finish_with_trailers(trailers));
    }

    /// Gives the answer up.
    pub fn reset(&mut self) {
        self.state.lock().reset();
    }

    /// Waits until the peer resets the stream or the session ends; or until this side has ended the answer.
    /// The future borrows nothing, so it can be watched, in the same task, while the answer is written.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let state = Arc::clone(&self.state);
        std::future::poll_fn(move |cx| match &mut *state.lock() {
            State::Headless(respond) => respond.poll_reset(cx).map(drop),
            State::Body(body) if !body.is_ended() => body.poll_stopped(cx).map(drop),
            State::Body(_) | State::Ended => Poll::Ready(()),
        })
    }
}

impl State {
    fn body(&mut self) -> Result<&mut H2SendBody, H2Error> {
        match self {
            Self::Body(body) => Ok(body),
            Self::Headless(_) | Self::Ended => Err(H2Error::Ended),
        }
    }

    fn end(&mut self, end: impl FnOnce(&mut H2SendBody) -> Result<(), H2Error>) {
        if let Self::Body(body) = self {
            // Refused only where the stream has ended meanwhile, e.g. by the peer's reset.
            drop(end(body));
            *self = Self::Ended;
        } else {
            self.reset();
        }
    }

    fn reset(&mut self) {
        if let Self::Headless(respond) = self {
            respond.send_reset(Reason::INTERNAL_ERROR);
        }
        // An unfinished body resets its stream when it is dropped.
        *self = Self::Ended;
    }
}

impl Drop for H2Reply {
    fn drop(&mut self) {
        self.reset();
    }
}

impl AsyncWrite for H2Reply {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock();
        let written = ready!(Pin::new(state.body()?).poll_write(cx, buf));
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}
