//! Why a management request gets no answer of a connector.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::management_token::ManagementTokenError;

/// What connectors say, with status 400, to a request without a token; by it one knows that the name is theirs.
pub const MISSING_TOKEN_CODE: u32 = 1001;

/// Why the edge refuses a management request, as its client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManagementRefusal {
    /// There is no token.
    #[error("missing access_token query parameter")]
    NoToken,
    /// The query could mean two things.
    #[error("the query must name access_token and connector_id at most once, and plainly")]
    BadQuery,
    /// Not a token of this Adit.
    #[error("invalid access_token query parameter")]
    BadToken,
    /// It was one.
    #[error("the access_token has expired; ask for a new one")]
    Expired,
    /// It opens other paths.
    #[error("the access_token does not open this path")]
    WrongResource,
    /// Its tunnel is gone.
    #[error("the tunnel of this access_token does not exist")]
    NoTunnel,
    /// So many bad tokens came from this address that its next one is not looked at for a while.
    #[error("too many bad tokens from this address; try again later")]
    TooManyFailures(Duration),
    /// Not a path of the management service.
    #[error(
        "no such path; there are /ping, /logs, /host_details, /metrics and /debug/pprof/{{heap|goroutine}}"
    )]
    NoPath,
    /// They are only read.
    #[error("the method must be GET or HEAD, without a body")]
    BadMethod,
    /// The connector's id is none.
    #[error("connector_id is not the id of a connector")]
    BadConnector,
    /// A page of another origin asks.
    #[error("pages of this origin may not ask")]
    ForeignOrigin,
    /// The connection was opened for another name.
    #[error("this connection was opened for another host name")]
    OtherServerName,
    /// The edge does not know its tunnels yet, or is short of memory.
    #[error("the edge is not ready; try again in a moment")]
    NotReady,
    /// No connector, or not that one, is connected.
    #[error("no connector of this tunnel is connected here, or not the one with this connector_id")]
    NoConnector,
    /// The connector would hand the request to an origin.
    #[error(
        "the connector does not answer for this host name: start it with TUNNEL_MANAGEMENT_HOSTNAME set to this name without a port, as `adit env` prints it"
    )]
    UnknownToConnector,
    /// Every connection of the connector carries as many requests as it allows.
    #[error("every connection of the connector is full; try again in a moment")]
    Full,
    /// The connector broke off.
    #[error("the connector broke off before it answered")]
    Broke,
}

impl From<ManagementTokenError> for ManagementRefusal {
    /// Strangers are told no more than that their token is not good.
    fn from(error: ManagementTokenError) -> Self {
        match error {
            ManagementTokenError::Expired => Self::Expired,
            ManagementTokenError::WrongResource => Self::WrongResource,
            ManagementTokenError::Malformed
            | ManagementTokenError::UnknownKey
            | ManagementTokenError::BadSignature
            | ManagementTokenError::ForeignIssuer
            | ManagementTokenError::BadTimes => Self::BadToken,
        }
    }
}

impl ManagementRefusal {
    /// The answer's status. That of a missing connector, 530, is one that `tail` of stock clients has words for.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadQuery | Self::BadToken | Self::BadConnector => StatusCode::BAD_REQUEST,
            Self::Expired => StatusCode::UNAUTHORIZED,
            Self::WrongResource | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NoTunnel | Self::NoPath => StatusCode::NOT_FOUND,
            Self::TooManyFailures(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::OtherServerName => StatusCode::MISDIRECTED_REQUEST,
            Self::NotReady | Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoConnector | Self::UnknownToConnector => {
                StatusCode::from_u16(530).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            Self::Broke => StatusCode::BAD_GATEWAY,
        }
    }

    /// The number in its body. 1001 is the connectors', 1033 that of public pages; the others are Adit's own.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::NoToken | Self::BadToken => MISSING_TOKEN_CODE,
            Self::BadQuery => 1002,
            Self::Expired => 1003,
            Self::WrongResource => 1004,
            Self::NoTunnel => 1005,
            Self::TooManyFailures(_) => 1006,
            Self::NoPath => 1007,
            Self::BadMethod => 1008,
            Self::BadConnector => 1009,
            Self::ForeignOrigin => 1010,
            Self::OtherServerName => 1011,
            Self::NotReady => 1012,
            Self::Full => 1013,
            Self::Broke => 1014,
            Self::NoConnector => 1033,
            Self::UnknownToConnector => 1034,
        }
    }

    /// Whether it speaks against who asked, who may go on guessing.
    #[must_use]
    pub const fn is_a_bad_token(self) -> bool {
        matches!(
            self,
            Self::NoToken | Self::BadToken | Self::Expired | Self::WrongResource | Self::NoTunnel
        )
    }

    /// Its body, JSON in the form that connectors use.
    #[must_use]
    pub fn body(self) -> String {
        let errors = vec![WireError {
            code: self.code(),
            message: self.to_string(),
        }];
        serde_json::to_string(&WireRefusal { errors }).unwrap_or_default()
    }
}

/// The number of the first error in a refusal's body; `None` if it is no refusal.
#[must_use]
pub fn refusal_code(body: &[u8]) -> Option<u32> {
    let refusal: WireRefusal = serde_json::from_slice(body).ok()?;
    refusal.errors.first().map(|error| error.code)
}

#[derive(Serialize, Deserialize)]
struct WireRefusal {
    errors: Vec<WireError>,
}

#[derive(Serialize, Deserialize)]
struct WireError {
    code: u32,
    #[serde(default)]
    message: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_without_a_token_gets_what_connectors_say() {
        let refusal = ManagementRefusal::NoToken;
        assert_eq!(
            refusal.body(),
            r#"{"errors":[{"code":1001,"message":"missing access_token query parameter"}]}"#
        );
        assert_eq!(
            (refusal.status().as_u16(), refusal_code(refusal.body().as_bytes())),
            (400, Some(1001))
        );
    }

    #[test]
    fn strangers_are_not_told_what_is_wrong_with_their_token() {
        for error in [
            ManagementTokenError::Malformed,
            ManagementTokenError::UnknownKey,
            ManagementTokenError::BadSignature,
            ManagementTokenError::BadTimes,
        ] {
            let refusal = ManagementRefusal::from(error);
            assert_eq!((refusal, refusal.code()), (ManagementRefusal::BadToken, 1001));
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>) {
            let _ = refusal_code(&body);
        }
    }
}
