//! The body of an answer: a page of our own, or an exchange that flows both ways while it is read.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio_util::task::TaskTracker;

use super::access_log::AccessRecord;
use crate::{
    connection::Place,
    end::End,
    upstream::{Download, UpstreamError},
};

/// How long a client may go on sending after its answer, before its connection is cut.
const LINGER: Duration = Duration::from_secs(10);

/// What became of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// All that anyone still wanted has been sent on.
    Done,
    /// The client sent nothing more for too long.
    Stalled,
    /// The client sent more than its host name takes.
    TooLarge,
}

/// The request's body on its way to the origin.
pub(super) struct Pump {
    work: Pin<Box<dyn Future<Output = Sent> + Send>>,
    owner: TaskTracker,
}

impl Pump {
    /// A pump that `owner` takes over if it outlives its answer.
    pub(super) fn new(owner: &TaskTracker, work: impl Future<Output = Sent> + Send + 'static) -> Self {
        Self {
            work: Box::pin(work),
            owner: owner.clone(),
        }
    }

    /// Goes on for a while without the answer. To stop reading what a client still sends would reset its connection,
    /// and with it an answer that it has not read yet.
    pub(super) fn linger(self) {
        self.owner
            .spawn(async move { drop(tokio::time::timeout(LINGER, self.work).await) });
    }
}

impl Future for Pump {
    type Output = Sent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Sent> {
        self.work.as_mut().poll(cx)
    }
}

/// What hyper sends to the client. Dropping it cancels what still runs and writes the request's line to the access
/// log.
pub(super) struct ResponseBody {
    content: Content,
    record: Option<AccessRecord>,
}

enum Content {
    Page(Bytes),
    Exchange(Box<ExchangeBody>),
}

/// An answer in progress.
pub(super) struct ExchangeBody {
    pub(super) download: Download,
    /// Carries on the upload while the answer flows; gone when it is done.
    pub(super) pump: Option<Pump>,
    /// Bytes still to come, if the origin said how many.
    pub(super) remaining: Option<u64>,
    /// An answer that has no body, whatever length its head speaks of.
    pub(super) bodiless: bool,
    pub(super) data_ended: bool,
    pub(super) _place: Place,
}

impl ResponseBody {
    pub(super) const fn page(bytes: Bytes) -> Self {
        Self {
            content: Content::Page(bytes),
            record: None,
        }
    }

    pub(super) fn exchange(exchange: ExchangeBody) -> Self {
        Self {
            content: Content::Exchange(Box::new(exchange)),
            record: None,
        }
    }

    /// Attaches the record that is written when the body has been sent or given up.
    pub(super) fn record(&mut self, record: AccessRecord) {
        self.record = Some(record);
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let this = self.get_mut();
        let frame = ready!(match &mut this.content {
            Content::Page(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Page(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Exchange(exchange) => exchange.poll_frame(cx),
        });
        if let Some(record) = &mut this.record {
            match &frame {
                Some(Ok(frame)) => {
                    record.add_response_bytes(frame.data_ref().map_or(0, Bytes::len));
                }
                Some(Err(error)) => {
                    record.fail(error);
                    record.ended_by(End::Connector);
                }
                None => {}
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Page(bytes) => bytes.is_empty(),
            Content::Exchange(exchange) => exchange.ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Page(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Exchange(exchange) if exchange.bodiless => SizeHint::default(),
            Content::Exchange(exchange) => exchange.remaining.map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let complete = match &mut self.content {
            Content::Page(bytes) => bytes.is_empty(),
            Content::Exchange(exchange) => {
                let complete = exchange.data_ended || exchange.remaining == Some(0);
                if let Some(pump) = exchange.pump.take_if(|_| complete) {
                    pump.linger();
                }
                complete
            }
        };
        if let Some(record) = &mut self.record
            && complete
        {
            record.ended_by(End::Complete);
        }
    }
}

impl ExchangeBody {
    /// All that was announced has come, and the upload is done: nothing is left to poll for.
    fn ended(&self) -> bool {
        self.remaining == Some(0) && self.pump.is_none()
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        if let Some(pump) = &mut self.pump
            && Pin::new(pump).poll(cx).is_ready()
        {
            self.pump = None;
        }
        if !self.data_ended {
            match ready!(self.download.poll_chunk(cx)) {
                Ok(Some(chunk)) => {
                    if let Some(remaining) = &mut self.remaining {
                        *remaining = remaining.saturating_sub(chunk.len() as u64);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                Ok(None) => self.data_ended = true,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        match ready!(self.download.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}
