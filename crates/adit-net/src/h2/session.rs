//! The handle to one HTTP/2 session: opens exchanges, ends the session.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::ready;
use h2::client::{self, SendRequest};
use http::{Request, Response};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::liveness::Life;
use super::watched::Watched;
use super::{H2Driver, H2Error, H2RecvBody, H2SendBody};

/// Bounds of one session.
#[derive(Clone, Copy, Debug)]
pub struct H2Limits {
    /// Bytes the peer may send ahead on one stream. Default 1 MiB.
    pub stream_window_bytes: u32,
    /// Bytes the peer may send ahead on all streams together, until [`H2Session::set_window`]. Default 128 KiB.
    pub connection_window_bytes: u32,
    /// Largest decoded response head, as RFC 9113 counts it. Default 256 KiB.
    pub max_header_list_bytes: u32,
    /// Streams this side has reset and still remembers. Default 64.
    pub max_reset_streams: usize,
    /// Bytes waiting to be sent on one stream. Default 256 KiB.
    pub max_send_buffer_bytes: usize,
    /// Longest pause between two liveness pings; [`H2Session::ask`] sends one at once. Default 5 s.
    pub ping_interval: Duration,
    /// A peer that leaves a ping unanswered and was not heard at all for this long is dead. Default 8 s.
    pub dead_after: Duration,
    /// The peer has this long to take the preface. Default 5 s.
    pub handshake: Duration,
}

impl Default for H2Limits {
    fn default() -> Self {
        Self {
            stream_window_bytes: 1 << 20,
            connection_window_bytes: 128 << 10,
            max_header_list_bytes: 256 << 10,
            max_reset_streams: 64,
            max_send_buffer_bytes: 256 << 10,
            ping_interval: Duration::from_secs(5),
            dead_after: Duration::from_secs(8),
            handshake: Duration::from_secs(5),
        }
    }
}

/// One HTTP/2 session towards a connector. Clones are handles to the same session.
#[derive(Clone)]
pub struct H2Session {
    /// `None` once the session drains: h2 says goodbye by itself when the last sender is gone.
    sender: Arc<Mutex<Option<SendRequest<Bytes>>>>,
    draining: CancellationToken,
    ended: CancellationToken,
    life: Life,
    window: watch::Sender<u32>,
}

impl H2Session {
    /// Sends the client preface over `io` and hands out the session with its driver, which must be run (in a task)
    /// for anything to happen.
    ///
    /// # Errors
    /// If the peer does not take the preface within [`H2Limits::handshake`].
    pub async fn start<T>(io: T, limits: H2Limits) -> Result<(Self, H2Driver<T>), H2Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (io, counts) = Watched::new(io);
        let life = Life::new(counts);
        let mut builder = client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(limits.stream_window_bytes)
            .initial_connection_window_size(limits.connection_window_bytes)
            .max_header_list_size(limits.max_header_list_bytes)
            .max_concurrent_reset_streams(limits.max_reset_streams)
            .max_send_buffer_size(limits.max_send_buffer_bytes);
        let shaken = tokio::time::timeout(limits.handshake, builder.handshake::<_, Bytes>(io)).await;
        let (sender, connection) = shaken.map_err(|elapsed| H2Error::Io(elapsed.into()))??;
        let ended = CancellationToken::new();
        let (window, wanted) = watch::channel(limits.connection_window_bytes);
        let session = Self {
            sender: Arc::new(Mutex::new(Some(sender))),
            draining: CancellationToken::new(),
            ended: ended.clone(),
            life: life.clone(),
            window,
        };
        Ok((session, H2Driver::new(connection, limits, life, ended, wanted)))
    }

    /// Opens an exchange. With `end_of_stream` the request has no body, and the returned body is already finished.
    ///
    /// Headers that belong to one HTTP/1 connection must be gone from `request`: h2 refuses them. The request waits
    /// while the peer's MAX_CONCURRENT_STREAMS is reached; dropping the answer and the body takes it back.
    ///
    /// # Errors
    /// If the session drains or has ended, or the head is malformed.
    pub async fn open(
        &self,
        request: Request<()>,
        end_of_stream: bool,
    ) -> Result<(H2Response, H2SendBody), H2Error> {
        let sender = self.sender.lock().clone().ok_or(H2Error::Ended)?;
        let mut sender = sender.ready().await?;
        let (response, body) = sender.send_request(request, end_of_stream)?;
        Ok((H2Response(response), H2SendBody::new(body, end_of_stream)))
    }

    /// How many streams the peer lets this side have open at once, as far as it has said.
    #[must_use]
    pub fn stream_limit(&self) -> usize {
        self.sender
            .lock()
            .as_ref()
            .map_or(0, SendRequest::current_max_send_streams)
    }

    /// Asks the peer whether it lives: a PING, unless one is unanswered. [`H2Session::heard_bytes`] rises when it does.
    pub fn ask(&self) {
        self.life.ask();
    }

    /// A PING is unanswered.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.life.is_asked()
    }

    /// Bytes that came from the peer so far.
    #[must_use]
    pub fn heard_bytes(&self) -> u64 {
        self.life.counts.read()
    }

    /// Bytes that went either way so far.
    #[must_use]
    pub fn moved_bytes(&self) -> u64 {
        self.life.counts.read() + self.life.counts.written()
    }

    /// Lets the peer send so many bytes ahead on all streams together.
    pub fn set_window(&self, bytes: u32) {
        self.window.send_replace(bytes);
    }

    /// Opens no more exchanges; the session ends with a GOAWAY once the open ones are done and their halves dropped.
    pub fn drain(&self) {
        drop(self.sender.lock().take());
        self.draining.cancel();
    }

    /// Completes once [`H2Session::drain`] was called: whoever keeps an exchange open for the session's own sake ends
    /// it now.
    pub async fn until_draining(&self) {
        self.draining.cancelled().await;
    }

    /// Whether [`H2Session::close`] was called.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Ends the session and its TCP connection at once; open exchanges fail.
    pub fn close(&self) {
        self.ended.cancel();
        self.drain();
    }
}

/// The answer to one exchange. Dropping it, with the request's body, cancels the exchange.
#[derive(Debug)]
pub struct H2Response(client::ResponseFuture);

impl Future for H2Response {
    type Output = Result<(http::response::Parts, H2RecvBody), H2Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response: Response<h2::RecvStream> = ready!(Pin::new(&mut self.0).poll(cx))?;
        let (head, body) = response.into_parts();
        Poll::Ready(Ok((head, H2RecvBody::new(body))))
    }
}
