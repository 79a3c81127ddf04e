//! A carrier's first words, at either end.

use std::{io, net::SocketAddr};

use adit_net::mesh::Carrier;
use adit_net::quic::{CloseCause, QuicConnection};
use adit_wire::mesh::{FrameError, put_first, take_first};
use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::CarrierKind;

/// Why a carrier cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed(#[from] CloseCause),
    /// It ended before anything was agreed on.
    #[error("the connection ended at once")]
    Ended,
    /// The far end said what cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A carrier whose ends can speak with each other.
pub(crate) struct Open {
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// For its datagrams.
    pub(super) quic: Option<QuicConnection>,
    /// What was read and not used yet.
    pub(super) buffer: BytesMut,
    pub(crate) remote: SocketAddr,
}

impl Open {
    /// The end that dialled.
    ///
    /// # Errors
    /// [`OpenError::Closed`]
    pub(crate) async fn dialled(carrier: Carrier) -> Result<Self, OpenError> {
        let remote = carrier.remote_address();
        Ok(match carrier {
            Carrier::Tls(stream) => Self::over(tokio::io::split(stream), None, remote),
            Carrier::Quic(connection) => {
                let (send, recv) = connection.open_stream().await?;
                connection.take_datagrams();
                Self::over((recv, send), Some(connection), remote)
            }
        })
    }

    /// The end that was dialled. Datagrams that come before [`Open::trust`] are thrown away.
    ///
    /// # Errors
    /// [`OpenError::Closed`]
    pub(crate) async fn accepted(carrier: Carrier) -> Result<Self, OpenError> {
        let remote = carrier.remote_address();
        Ok(match carrier {
            Carrier::Tls(stream) => Self::over(tokio::io::split(stream), None, remote),
            Carrier::Quic(connection) => {
                let (send, recv) = tokio::select! {
                    streams = connection.accept_stream() => streams?,
                    never = connection.discard_datagrams() => match never {},
                };
                Self::over((recv, send), Some(connection), remote)
            }
        })
    }

    fn over<R, W>((reader, writer): (R, W), quic: Option<QuicConnection>, remote: SocketAddr) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            quic,
            buffer: BytesMut::new(),
            remote,
        }
    }

    pub(crate) const fn kind(&self) -> CarrierKind {
        match self.quic {
            Some(_) => CarrierKind::Quic,
            None => CarrierKind::Tls,
        }
    }

    /// The far end's claim or answer.
    ///
    /// # Errors
    /// [`OpenError`]
    pub(crate) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, OpenError> {
        loop {
            if let Some(first) = take_first(&mut self.buffer)? {
                return Ok(first);
            }
            let quic = self.quic.clone();
            let discarding = async move {
                match quic {
                    Some(quic) => match quic.discard_datagrams().await {},
                    None => std::future::pending().await,
                }
            };
            let read = tokio::select! {
                read = self.reader.read_buf(&mut self.buffer) => read?,
                () = discarding => 0,
            };
            if read == 0 {
                return Err(OpenError::Ended);
            }
        }
    }

    /// Says a claim or an answer.
    ///
    /// # Errors
    /// [`OpenError`]
    pub(crate) async fn say<T: Serialize + Sync>(&mut self, first: &T) -> Result<(), OpenError> {
        let mut bytes = BytesMut::new();
        put_first(first, &mut bytes)?;
        self.writer.write_all(&bytes).await?;
        Ok(self.writer.flush().await?)
    }

    /// From now on the far end's datagrams are kept.
    pub(crate) fn trust(&self) {
        if let Some(quic) = &self.quic {
            quic.take_datagrams();
        }
    }

    /// How long a datagram may be without going over the stream, as far as is known by now; nothing says so for TLS.
    pub(crate) fn quic(&self) -> Option<QuicConnection> {
        self.quic.clone()
    }

    /// Ends it so that what was said still arrives.
    pub(crate) async fn part(mut self) {
        let _ = self.writer.shutdown().await;
        let mut rest = [0; 512];
        // Until the far end has gone, so that closing does not overtake what was said.
        while matches!(self.reader.read(&mut rest).await, Ok(1..)) {}
    }
}
