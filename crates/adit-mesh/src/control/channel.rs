//! Messages over a byte stream.

use std::{io, time::Duration};

use adit_wire::mesh::{Decoder, MeshError, Message, encode};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// A peer that takes nothing for this long is gone.
const SEND: Duration = Duration::from_secs(2);
/// How long the end of a connection may take.
const CLOSE: Duration = Duration::from_millis(500);
/// The most bytes of the peer that are thrown away meanwhile.
const MOST_UNREAD: usize = 64 * 1024;
/// Read at once. Most messages are a beat.
const READ_BYTES: usize = 2048;

/// Why no message came or went.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// It ended within a message.
    #[error("the connection ended within a message")]
    CutShort,
    /// The peer takes nothing.
    #[error("the peer takes nothing")]
    Stuck,
    /// The peer sent what is no message, or a message grew too long.
    #[error(transparent)]
    Message(#[from] MeshError),
}

/// One end of a control connection; `In` is what comes.
pub(crate) struct Channel<S, In> {
    stream: S,
    decoder: Decoder<In>,
    /// What was read and not decoded yet lies from `start` to `end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin, In: Message> Channel<S, In> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            buffer: vec![0; READ_BYTES].into(),
            start: 0,
            end: 0,
        }
    }

    /// The next message; `None` once the peer has ended the connection. Cancel safe.
    pub(crate) async fn receive(&mut self) -> Result<Option<In>, ChannelError> {
        loop {
            let mut unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            let message = self.decoder.take(&mut unread)?;
            self.start = self.end - unread.len();
            if message.is_some() {
                return Ok(message);
            }
            let read = self.stream.read(&mut self.buffer).await;
            (self.start, self.end) = match read {
                // A TLS peer that vanishes without a goodbye is an error of this kind.
                Ok(0) if self.decoder.is_amid() => return Err(ChannelError::CutShort),
                Ok(0) => return Ok(None),
                Ok(read) => (0, read),
                Err(error) => return Err(ChannelError::Broken(error)),
            };
        }
    }

    /// Sends a message. Not cancel safe: half a message may be on its way.
    pub(crate) async fn send<Out: Message>(&mut self, message: &Out) -> Result<(), ChannelError> {
        let bytes = encode(message)?;
        let sending = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        match timeout(SEND, sending).await {
            Ok(sent) => sent.map_err(ChannelError::Broken),
            Err(_elapsed) => Err(ChannelError::Stuck),
        }
    }

    /// Ends the connection so that what was sent still arrives, if the peer is there: with bytes of the peer unread, the
    /// system would break the connection off, and the peer lose what it has not read.
    pub(crate) async fn close(mut self) {
        let closing = async {
            self.stream.shutdown().await?;
            let mut unread = MOST_UNREAD;
            while unread > 0 {
                match self.stream.read(&mut self.buffer).await? {
                    0 => break,
                    read => unread = unread.saturating_sub(read),
                }
            }
            io::Result::Ok(())
        };
        let _ = timeout(CLOSE, closing).await;
    }
}
