//! A request's body on its way from the edge to the origin.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::exchange::Upload;

/// The largest body of unknown length that is measured for an origin that takes no chunked coding, bytes.
const MAX_MEASURED: usize = 1 << 20;

/// Nothing, or what follows the request head on its stream. The origin's pace is the edge's.
///
/// A stream that the edge resets makes the body fail, which aborts the request to the origin.
pub(crate) enum RequestBody {
    /// No body.
    Empty,
    /// The rest of the stream.
    Stream {
        /// What follows the head.
        upload: Box<Upload>,
        /// The length, where the head tells.
        length: Option<u64>,
    },
    /// All of it.
    Whole(Bytes),
}

impl RequestBody {
    /// The rest of a stream, and its length where the head tells.
    pub(crate) fn stream(upload: Upload, length: Option<u64>) -> Self {
        // The queue of a connection to an origin has room for many requests, most of which have no body.
        let upload = Box::new(upload);
        Self::Stream { upload, length }
    }

    /// Reads a body of unknown length, so that it has one.
    ///
    /// # Errors
    /// Why it cannot be sent without chunked coding.
    pub(crate) async fn measured(self) -> Result<Self, String> {
        let Self::Stream {
            mut upload,
            length: None,
        } = self
        else {
            return Ok(self);
        };
        let mut whole = BytesMut::new();
        while let Some(chunk) = upload.chunk().await.map_err(|error| error.to_string())? {
            if whole.len() + chunk.len() > MAX_MEASURED {
                return Err(format!(
                    "the request's body has no length, and more than {MAX_MEASURED} bytes are not measured for an \
                     origin that takes no chunked coding"
                ));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(Self::Whole(whole.freeze()))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream { upload, .. } => {
                let chunk = ready!(upload.poll_chunk(cx)).transpose();
                Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream {
                length: Some(length), ..
            } => SizeHint::with_exact(*length),
            Self::Stream { length: None, .. } => SizeHint::default(),
        }
    }
}
