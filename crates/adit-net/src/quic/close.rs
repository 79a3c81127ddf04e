//! Why a connection ended.

use quinn::ConnectionError;

/// Why a connection ended, as far as this side can tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseCause {
    /// The peer's application closed it.
    #[error("closed by the peer with code {code}: {reason:?}")]
    Peer {
        /// The application's code; connectors always send 0.
        code: u64,
        /// The application's words, cut to 256 bytes.
        reason: String,
    },
    /// Nothing came for [`super::IDLE_TIMEOUT`]: the peer or the path died.
    #[error("the peer fell silent")]
    Idle,
    /// The peer no longer knows this connection, most likely because it restarted (stateless reset).
    #[error("the peer restarted and does not know this connection")]
    Reset,
    /// This side closed it.
    #[error("closed by this side")]
    Local,
    /// One side broke the protocol, or refused the handshake (TLS alerts end here).
    #[error("QUIC failure: {0}")]
    Protocol(String),
}

impl From<ConnectionError> for CloseCause {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                let shown = close.reason.get(..256).unwrap_or(&close.reason);
                Self::Peer {
                    code: close.error_code.into_inner(),
                    reason: String::from_utf8_lossy(shown).into_owned(),
                }
            }
            ConnectionError::TimedOut => Self::Idle,
            ConnectionError::Reset => Self::Reset,
            ConnectionError::LocallyClosed => Self::Local,
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::CidsExhausted => Self::Protocol(error.to_string()),
        }
    }
}
