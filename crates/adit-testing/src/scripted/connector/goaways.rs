//! Watches an HTTP/2 connection for the goodbye of its client, which h2 keeps to itself.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;
/// RFC 9113, section 6.8: the last stream's id, then the error code.
const GOAWAY: u8 = 7;

/// A stream whose incoming frames are looked at.
pub(super) struct Goaways<T> {
    io: T,
    /// Bytes that are of no interest.
    skip: usize,
    /// A frame's header, and of a GOAWAY its fixed part.
    kept: Vec<u8>,
    code: Arc<OnceLock<u64>>,
}

impl<T> Goaways<T> {
    /// The code of the first GOAWAY is put into `code`.
    pub(super) fn new(io: T, code: Arc<OnceLock<u64>>) -> Self {
        Self {
            io,
            skip: PREFACE_BYTES,
            kept: Vec::new(),
            code,
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.kept.push(*byte);
            let is_goaway = self.kept.get(3) == Some(&GOAWAY);
            let wanted = if is_goaway { HEADER_BYTES + 8 } else { HEADER_BYTES };
            if self.kept.len() == wanted {
                let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                if is_goaway {
                    let _ = self.code.set(number(&self.kept[HEADER_BYTES + 4..]));
                }
                let length = usize::try_from(number(&self.kept[..3])).unwrap_or(usize::MAX);
                self.skip = length - (wanted - HEADER_BYTES);
                self.kept.clear();
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Goaways<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        self.look(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Goaways<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
