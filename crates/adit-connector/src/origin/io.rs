//! One connection to an origin, whatever lies below it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// A byte stream to an origin.
pub(super) enum OriginIo {
    Tcp(TcpStream),
    /// A proxy that is asked for what the origin is asked for.
    Proxy(TcpStream),
    Unix(UnixStream),
    TlsTcp(Box<TlsStream<TcpStream>>),
    TlsUnix(Box<TlsStream<UnixStream>>),
    /// A site within this process.
    Local(DuplexStream),
}

macro_rules! each {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            OriginIo::Tcp($io) | OriginIo::Proxy($io) => $call,
            OriginIo::Unix($io) => $call,
            OriginIo::TlsTcp($io) => $call,
            OriginIo::TlsUnix($io) => $call,
            OriginIo::Local($io) => $call,
        }
    };
}

impl AsyncRead for OriginIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for OriginIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) | Self::Proxy(io) => io.is_write_vectored(),
            Self::Unix(io) => io.is_write_vectored(),
            Self::TlsTcp(io) => io.is_write_vectored(),
            Self::TlsUnix(io) => io.is_write_vectored(),
            Self::Local(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

impl Connection for OriginIo {
    fn connected(&self) -> Connected {
        let session = match self {
            Self::TlsTcp(io) => io.get_ref().1,
            Self::TlsUnix(io) => io.get_ref().1,
            Self::Proxy(_) => return Connected::new().proxy(true),
            Self::Tcp(_) | Self::Unix(_) | Self::Local(_) => return Connected::new(),
        };
        match session.alpn_protocol() {
            Some(b"h2") => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}
