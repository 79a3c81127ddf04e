//! May this connector serve that tunnel?

use std::time::Duration;

use adit_model::{ConfigSource, SecretDigest, TunnelKind};

use crate::port::TunnelEntry;

/// What a connector is told when it may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// It takes its configuration from the edge and sends none.
    pub remotely_managed: bool,
}

/// Why a connector may not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Unknown, deleted, or another account's: the caller learns nothing more.
    TunnelNotFound,
    /// The secret is not the tunnel's.
    InvalidSecret,
    /// The tunnel is a site's, which mesh nodes serve and `cloudflared` cannot.
    SiteTunnel,
    /// The edge does not know its tunnels yet.
    NotReady,
    /// The edge is short of memory.
    Overloaded,
    /// The connection has registered already.
    AlreadyRegistered,
}

impl Refusal {
    /// The words on the wire. Permanent ones start with `Unauthorized: `: over HTTP/2 stock cloudflared goes on
    /// trying after those and exits after any other.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::TunnelNotFound => "Unauthorized: Tunnel not found",
            Self::InvalidSecret => "Unauthorized: Invalid tunnel secret",
            Self::SiteTunnel => {
                "Unauthorized: this is the token of a site (warp_connector): run it with a mesh node, not as a cloudflared tunnel"
            }
            Self::NotReady => "the edge is starting, try again",
            Self::Overloaded => "the edge is short of memory, try again",
            Self::AlreadyRegistered => "this connection is registered already",
        }
    }

    /// Whether another attempt can succeed.
    #[must_use]
    pub const fn should_retry(self) -> bool {
        matches!(self, Self::NotReady | Self::Overloaded)
    }

    /// How long to wait before it.
    #[must_use]
    pub const fn retry_after(self) -> Duration {
        match self {
            Self::NotReady => Duration::from_secs(1),
            Self::Overloaded => Duration::from_secs(5),
            Self::TunnelNotFound | Self::InvalidSecret | Self::SiteTunnel | Self::AlreadyRegistered => {
                Duration::ZERO
            }
        }
    }
}

/// Decides on the registration of a `cloudflared`. `entry` is the tunnel that was asked for, if the account has one of that id.
///
/// # Errors
/// The [`Refusal`] to answer with.
pub fn admit(entry: Option<&TunnelEntry>, presented: &SecretDigest) -> Result<Admission, Refusal> {
    let entry = entry
        .filter(|entry| !entry.deleted)
        .ok_or(Refusal::TunnelNotFound)?;
    if entry.secret != *presented {
        return Err(Refusal::InvalidSecret);
    }
    match entry.kind {
        TunnelKind::CfdTunnel => {}
        TunnelKind::WarpConnector => return Err(Refusal::SiteTunnel),
    }
    Ok(Admission {
        remotely_managed: entry.config_source == ConfigSource::Cloudflare,
    })
}

#[cfg(test)]
mod tests {
    use adit_model::ConfigVersion;

    use super::*;

    fn entry() -> TunnelEntry {
        TunnelEntry {
            kind: TunnelKind::CfdTunnel,
            deleted: false,
            config_source: ConfigSource::Cloudflare,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(b"right"),
        }
    }

    #[test]
    fn the_right_secret_of_a_live_tunnel_is_admitted() {
        let admission = admit(Some(&entry()), &SecretDigest::of(b"right"));
        assert_eq!(
            admission,
            Ok(Admission {
                remotely_managed: true
            })
        );
    }

    #[test]
    fn a_wrong_secret_is_refused_for_good() {
        assert_eq!(
            admit(Some(&entry()), &SecretDigest::of(b"wrong")),
            Err(Refusal::InvalidSecret)
        );
        assert!(Refusal::InvalidSecret.cause().starts_with("Unauthorized: "));
        assert!(!Refusal::InvalidSecret.should_retry());
    }

    #[test]
    fn the_token_of_a_site_is_refused_for_good_and_only_its_holder_learns_why() {
        let site = TunnelEntry {
            kind: TunnelKind::WarpConnector,
            ..entry()
        };
        assert_eq!(
            admit(Some(&site), &SecretDigest::of(b"right")),
            Err(Refusal::SiteTunnel)
        );
        assert_eq!(
            admit(Some(&site), &SecretDigest::of(b"wrong")),
            Err(Refusal::InvalidSecret)
        );
        assert!(Refusal::SiteTunnel.cause().starts_with("Unauthorized: "));
        assert!(!Refusal::SiteTunnel.should_retry());
    }

    #[test]
    fn a_deleted_tunnel_looks_like_one_that_never_was() {
        let deleted = TunnelEntry {
            deleted: true,
            ..entry()
        };
        assert_eq!(
            admit(Some(&deleted), &SecretDigest::of(b"right")),
            Err(Refusal::TunnelNotFound)
        );
        assert_eq!(
            admit(None, &SecretDigest::of(b"right")),
            Err(Refusal::TunnelNotFound)
        );
    }
}
