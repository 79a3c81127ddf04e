//! What a client and the proxy say to each other before bytes flow.

use std::{fmt, io, time::Duration};

use adit_wire::socks;
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::Protocol;

/// How long a client may take over it, from its connection to its request.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long an answer may take to leave.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A client's connection, and what it has said that nobody has read.
pub(super) struct Dialog {
    stream: TcpStream,
    said: BytesMut,
    deadline: Instant,
}

/// Why a dialogue ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialogError<E: fmt::Display> {
    #[error("the client took too long")]
    TooSlow,
    #[error("the client left")]
    Left,
    #[error("the client said too much")]
    TooMuch,
    #[error("the client's connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("{0}")]
    Malformed(E),
}

/// A first byte that no protocol begins with.
#[derive(Debug, thiserror::Error)]
#[error("neither SOCKS5 nor HTTP")]
pub(super) struct NoProtocol;

impl Dialog {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            said: BytesMut::new(),
            deadline: Instant::now() + HANDSHAKE_LIMIT,
        }
    }

    /// What the client speaks, by its first byte.
    pub(super) async fn protocol(&mut self) -> Result<Protocol, DialogError<NoProtocol>> {
        let first = |said: &[u8]| match said.first() {
            None => Ok(None),
            Some(&socks::VERSION) => Ok(Some((Protocol::Socks, 0))),
            Some(b'A'..=b'Z') => Ok(Some((Protocol::Http, 0))),
            Some(_) => Err(NoProtocol),
        };
        self.read(first, 1).await
    }

    /// Reads until `decode` has a message, which is at most `most` bytes long.
    pub(super) async fn read<T, E: fmt::Display>(
        &mut self,
        decode: impl Fn(&[u8]) -> Result<Option<(T, usize)>, E>,
        most: usize,
    ) -> Result<T, DialogError<E>> {
        loop {
            if let Some((message, length)) = decode(&self.said).map_err(DialogError::Malformed)? {
                drop(self.said.split_to(length.min(self.said.len())));
                return Ok(message);
            }
            if self.said.len() >= most {
                return Err(DialogError::TooMuch);
            }
            self.said.reserve(most.min(1024));
            let read = tokio::time::timeout_at(self.deadline, self.stream.read_buf(&mut self.said));
            match read.await {
                Err(_elapsed) => return Err(DialogError::TooSlow),
                Ok(read) => {
                    if read? == 0 {
                        return Err(DialogError::Left);
                    }
                }
            }
        }
    }

    /// Says something.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        let said = tokio::time::timeout(ANSWER_LIMIT, self.stream.write_all(bytes));
        said.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Says something, for the last time.
    pub(super) async fn conclude(mut self, bytes: &[u8]) {
        if self.say(bytes).await.is_ok() {
            // Whoever is still reading gets to read it.
            drop(tokio::time::timeout(ANSWER_LIMIT, self.stream.shutdown()).await);
        }
    }

    /// Where the client has connected to.
    pub(super) fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.stream.local_addr()
    }

    /// The connection, and what the client has said ahead of its time.
    pub(super) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.said.freeze())
    }
}
