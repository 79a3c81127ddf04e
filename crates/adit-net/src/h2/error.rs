//! Why an exchange or a session failed.

use std::io;

use h2::Reason;

/// Why an exchange or its session failed.
#[derive(Debug, thiserror::Error)]
pub enum H2Error {
    /// The peer never looked at the request (REFUSED_STREAM, or a GOAWAY below it): it may be sent elsewhere.
    #[error("the peer refused the stream unseen")]
    Refused,
    /// The peer gave the stream up (RST_STREAM).
    #[error("the peer reset the stream: {0}")]
    Reset(String),
    /// The peer ended the session (GOAWAY), or one side broke the protocol.
    #[error("the HTTP/2 session ended: {0}")]
    Session(String),
    /// The TCP connection failed.
    #[error("the connection failed")]
    Io(#[source] io::Error),
    /// This side ended the session or the stream before.
    #[error("the session or the stream has ended")]
    Ended,
}

impl From<h2::Error> for H2Error {
    fn from(error: h2::Error) -> Self {
        if error.is_io() {
            return match error.into_io() {
                Some(cause) => Self::Io(cause),
                None => Self::Ended,
            };
        }
        let refused = error.reason() == Some(Reason::REFUSED_STREAM);
        if refused {
            Self::Refused
        } else if error.is_reset() {
            Self::Reset(reason_text(&error))
        } else if error.is_go_away() {
            Self::Session(reason_text(&error))
        } else {
            // What remains is misuse of a stream that has already ended, e.g. a write after its reset.
            Self::Ended
        }
    }
}

fn reason_text(error: &h2::Error) -> String {
    error
        .reason()
        .map_or_else(|| error.to_string(), |reason| reason.description().to_owned())
}

impl From<H2Error> for io::Error {
    fn from(error: H2Error) -> Self {
        let kind = match &error {
            H2Error::Refused | H2Error::Reset(_) => io::ErrorKind::ConnectionReset,
            H2Error::Session(_) => io::ErrorKind::ConnectionAborted,
            H2Error::Io(cause) => cause.kind(),
            H2Error::Ended => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}
