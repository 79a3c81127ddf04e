//! What may be asked of a connector's management service through the edge, and what refusals look like.
//!
//! A connector answers whoever names its management host: it reads a token's claims and no signature. So everything
//! here is strict: what two readers could read in two ways is refused.
//!
//! Source: cloudflare/cloudflared: management/service.go, management/middleware.go.

mod query;
mod refusal;

pub use query::ManagementQuery;
pub use refusal::{MISSING_TOKEN_CODE, ManagementRefusal, refusal_code};

use crate::management_token::{ManagementClaims, ManagementResource};

/// A path of the management service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagementPath {
    /// `/ping`: says that it is there.
    Ping,
    /// `/logs`: a WebSocket of log lines.
    Logs,
    /// `/host_details`: on which machine the connector runs.
    HostDetails,
    /// `/metrics` and `/debug/pprof/…`: how it is doing.
    Diagnostics,
}

impl ManagementPath {
    /// Reads a request's path, byte for byte: no other spelling of one means it.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "/ping" => Some(Self::Ping),
            "/logs" => Some(Self::Logs),
            "/host_details" => Some(Self::HostDetails),
            "/metrics" => Some(Self::Diagnostics),
            _ => {
                let profile = path.strip_prefix("/debug/pprof/")?;
                let plain = !profile.is_empty() && profile.bytes().all(|byte| byte.is_ascii_lowercase());
                plain.then_some(Self::Diagnostics)
            }
        }
    }

    /// Whether a token that says so opens it.
    #[must_use]
    pub fn is_opened_by(self, claims: &ManagementClaims) -> bool {
        match self {
            Self::Ping => !claims.resources.is_empty(),
            Self::Logs => claims.allow(ManagementResource::Logs),
            Self::HostDetails => claims.allow(ManagementResource::HostDetails),
            Self::Diagnostics => claims.allow(ManagementResource::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey};
    use proptest::prelude::*;

    use super::*;
    use crate::management_token::ManagementActor;

    fn opens(resources: &[ManagementResource]) -> Vec<ManagementPath> {
        use ManagementPath::{Diagnostics, HostDetails, Logs, Ping};
        let tunnel = TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        };
        let actor = ManagementActor {
            id: "ada".to_owned(),
            support: false,
        };
        let now = Timestamp::from_unix_micros(0).unwrap();
        let claims = ManagementClaims::new(tunnel, actor, resources.to_vec(), now);
        [Ping, Logs, HostDetails, Diagnostics]
            .into_iter()
            .filter(|path| path.is_opened_by(&claims))
            .collect()
    }

    #[test]
    fn a_resource_opens_its_path_and_admin_opens_all() {
        use ManagementPath::{Diagnostics, HostDetails, Logs, Ping};
        assert_eq!(opens(&[ManagementResource::Logs]), [Ping, Logs]);
        assert_eq!(opens(&[ManagementResource::HostDetails]), [Ping, HostDetails]);
        assert_eq!(
            opens(&[ManagementResource::Admin]),
            [Ping, Logs, HostDetails, Diagnostics]
        );
        assert_eq!(opens(&[]), []);
    }

    #[test]
    fn only_the_plain_spelling_of_a_path_means_it() {
        for (path, wanted) in [
            ("/ping", Some(ManagementPath::Ping)),
            ("/logs", Some(ManagementPath::Logs)),
            ("/host_details", Some(ManagementPath::HostDetails)),
            ("/metrics", Some(ManagementPath::Diagnostics)),
            ("/debug/pprof/heap", Some(ManagementPath::Diagnostics)),
            ("/debug/pprof/goroutine", Some(ManagementPath::Diagnostics)),
        ] {
            assert_eq!(ManagementPath::parse(path), wanted, "{path}");
        }
        for path in [
            "",
            "/",
            "/Ping",
            "/logs/",
            "//logs",
            "/./logs",
            "/%6cogs",
            "/logs;x",
            "/debug/pprof",
            "/debug/pprof/",
            "/debug/pprof/../../logs",
            "/debug/pprof/heap/x",
            "/debug/pprof/%2e%2e",
        ] {
            assert_eq!(ManagementPath::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path: String) {
            let _ = ManagementPath::parse(&path);
        }
    }
}
