//! Why a datagram was not sent.

use quinn::SendDatagramError;

/// Why a datagram was dropped before it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramRefused {
    /// As many wait as may.
    #[error("too many datagrams wait to be sent")]
    Full,
    /// It is larger than [`super::QuicConnection::max_datagram_bytes`], which grows as the path is probed.
    #[error("the datagram is larger than the path carries")]
    TooLarge,
    /// The peer takes none.
    #[error("the peer takes no datagrams")]
    Unsupported,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl From<SendDatagramError> for DatagramRefused {
    fn from(error: SendDatagramError) -> Self {
        match error {
            SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled => Self::Unsupported,
            SendDatagramError::TooLarge => Self::TooLarge,
            SendDatagramError::ConnectionLost(_) => Self::Closed,
        }
    }
}
