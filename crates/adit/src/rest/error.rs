//! Why a call of the API failed.

use std::path::PathBuf;

use http::StatusCode;

use super::ApiMessage;
use crate::{failure::Failure, tunnel::render::plain};

/// Why a call of the API failed. Never quotes the API token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestError {
    /// Not an `http` or `https` URL.
    #[error("{url:?} is not the URL of an API")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// Characters that no header may have.
    #[error("the API token in the origin certificate has characters that no API token has")]
    BadToken,
    /// The CA file, or the system's roots, cannot be used.
    #[error("cannot load the certificates{of} that the API must be signed with: {problem}", of = file(.path.as_ref()))]
    Roots {
        /// The file; the system's roots if none.
        path: Option<PathBuf>,
        /// Why.
        problem: String,
    },
    /// Nobody answers there.
    #[error("cannot reach the API at {base}: {cause}")]
    Unreachable {
        /// The base URL.
        base: String,
        /// Why.
        cause: String,
    },
    /// The answer did not come in time.
    #[error("the API at {base} did not answer within {seconds} s")]
    Silent {
        /// The base URL.
        base: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The answer ended before its end.
    #[error("the answer of the API at {base} broke off: {cause}")]
    Cut {
        /// The base URL.
        base: String,
        /// Why.
        cause: String,
    },
    /// The answer names another place. The API token is good for one place only, so nothing is asked there.
    #[error("the API at {base} says that it is elsewhere: {to}")]
    Elsewhere {
        /// The base URL.
        base: String,
        /// The other place.
        to: String,
    },
    /// The API said no.
    #[error("{}", told(.errors, *.status))]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its complaints.
        errors: Vec<ApiMessage>,
    },
    /// Something answered, but not the API.
    #[error("the answer (status {status}) is not that of the API")]
    NoApi {
        /// Its status.
        status: StatusCode,
    },
}

fn file(path: Option<&PathBuf>) -> String {
    path.map_or(String::new(), |path| format!(" in {}", path.display()))
}

fn told(errors: &[ApiMessage], status: StatusCode) -> String {
    let texts: Vec<_> = errors
        .iter()
        .map(|error| format!("{} (code {})", plain(&error.message), error.code))
        .collect();
    if texts.is_empty() {
        format!("the API refused with status {status}")
    } else {
        texts.join("; ")
    }
}

impl RestError {
    /// As a command's failure, beginning with what the command was about to do.
    pub(crate) fn while_to(self, doing: &str) -> Failure {
        let hint = match &self {
            Self::BadUrl { .. } | Self::NoApi { .. } => {
                Some("check TUNNEL_API_URL: it ends in /client/v4; `adit env` prints the right one")
            }
            Self::Unreachable { cause, .. } if cause.contains("certificate") => {
                Some("name Adit's CA with SSL_CERT_FILE or TUNNEL_CACERT; `adit env` prints both")
            }
            Self::Unreachable { .. } | Self::Silent { .. } => {
                Some("check that Adit runs there, and TUNNEL_API_URL; `adit env` prints the right one")
            }
            Self::Refused {
                status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN,
                ..
            } => Some("check TUNNEL_ORIGIN_CERT: its API token must belong to this Adit"),
            Self::Elsewhere { .. } => Some("if that is right, set TUNNEL_API_URL to where the API is"),
            Self::Cut { .. } => Some("try again; if it stays so, look at what stands between here and Adit"),
            Self::BadToken | Self::Roots { .. } | Self::Refused { .. } => None,
        };
        let failure = Failure::failed(anyhow::Error::new(self).context(format!("cannot {doing}")));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
