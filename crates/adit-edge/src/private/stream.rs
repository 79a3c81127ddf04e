//! The byte stream of a TCP flow.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::FlowPlace;
use crate::{
    connection::Place,
    replies::{Replies, Reply},
    upstream::Upload,
};

/// A TCP flow on a connection of a connector. Dropped before both sides have ended, it resets both.
pub(super) struct FlowStream {
    upload: Upload,
    replies: Replies,
    rest: Bytes,
    ended: bool,
    /// Comes after what was there before it.
    broken: Option<io::Error>,
    _place: Place,
    _held: FlowPlace,
}

impl FlowStream {
    pub(super) fn new(upload: Upload, replies: Replies, place: Place, held: FlowPlace) -> Self {
        Self {
            upload,
            replies,
            rest: Bytes::new(),
            ended: false,
            broken: None,
            _place: place,
            _held: held,
        }
    }
}

impl AsyncRead for FlowStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // What has come goes on together: packets are small, and each read costs its reader a call to the system.
        while buffer.remaining() > 0 && !self.ended {
            if let Some(error) = self.broken.take() {
                return Poll::Ready(Err(error));
            }
            if self.rest.is_empty() {
                let has_some = buffer.filled().len() > before;
                match self.replies.poll_next(cx) {
                    Poll::Ready(Ok(Reply::Bytes(bytes))) => self.rest = bytes,
                    Poll::Ready(Ok(Reply::End | Reply::Silence)) => {
                        // Nothing more comes that an end of the sending side could cut off.
                        self.upload.finish();
                        self.ended = true;
                    }
                    Poll::Ready(Err(error)) if has_some => {
                        self.broken = Some(error.into());
                        break;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending if has_some => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            let copied = self.rest.len().min(buffer.remaining());
            buffer.put_slice(self.rest.get(..copied).unwrap_or_default());
            self.rest.advance(copied);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FlowStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.ended || self.replies.is_half_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.upload.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.replies.half_close();
        Poll::Ready(Ok(()))
    }
}
