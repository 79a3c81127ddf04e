//! What a management token says.

use std::{fmt, str::FromStr, time::Duration};

use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey};
use serde::{Deserialize, Serialize};

/// How long a management token is good for.
pub const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Who signs, by the vendor's name for it; connectors take another one for a hosted special edition.
pub(super) const ISSUER: &str = "tunnelstore";

/// What tokens for log lines name as well: whether the connector answers. Every token opens that.
const PING: &str = "ping";

/// The longest name of an actor that is read.
const MAX_ACTOR: usize = 512;

/// What a management token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManagementResource {
    /// The stream of a connector's log lines.
    Logs,
    /// Everything.
    Admin,
    /// Which machine a connector runs on.
    HostDetails,
}

impl ManagementResource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logs, Self::Admin, Self::HostDetails];

    /// The name in tokens and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Admin => "admin",
            Self::HostDetails => "host_details",
        }
    }
}

impl fmt::Display for ManagementResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No resource has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a management resource: logs, admin or host_details")]
pub struct UnknownResource;

impl FromStr for ManagementResource {
    type Err = UnknownResource;

    fn from_str(text: &str) -> Result<Self, UnknownResource> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.as_str() == text)
            .ok_or(UnknownResource)
    }
}

/// Who a token was made for. A connector hands its one stream of log lines over to a newer request of the same actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagementActor {
    /// Their name; never empty.
    pub id: String,
    /// Whether they act for the vendor's support; false for all that Adit signs.
    #[serde(default)]
    pub support: bool,
}

/// What a management token says: who may reach what of which tunnel, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementClaims {
    /// The tunnel whose connectors may be reached.
    pub tunnel: TunnelKey,
    /// By whom.
    pub actor: ManagementActor,
    /// What may be reached there; never empty.
    pub resources: Vec<ManagementResource>,
    /// When the token was made, in whole seconds.
    pub issued_at: Timestamp,
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
}

impl ManagementClaims {
    /// Claims that hold from now on for [`LIFETIME`].
    #[must_use]
    pub fn new(
        tunnel: TunnelKey,
        actor: ManagementActor,
        resources: Vec<ManagementResource>,
        now: Timestamp,
    ) -> Self {
        let issued = seconds(now);
        Self {
            tunnel,
            actor,
            resources,
            issued_at: moment(issued).unwrap_or(now),
            expires_at: moment(issued.saturating_add(LIFETIME.as_secs())).unwrap_or(now),
        }
    }

    /// Whether they open this.
    #[must_use]
    pub fn allow(&self, wanted: ManagementResource) -> bool {
        self.resources
            .iter()
            .any(|granted| *granted == wanted || *granted == ManagementResource::Admin)
    }
}

/// The JSON of [`ManagementClaims`], its fields in the vendor's order.
#[derive(Serialize, Deserialize)]
pub(super) struct WireClaims {
    tun: WireTunnel,
    actor: ManagementActor,
    res: Vec<String>,
    iat: u64,
    exp: u64,
    /// Adit sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<u64>,
    pub(super) iss: String,
}

#[derive(Serialize, Deserialize)]
struct WireTunnel {
    id: TunnelId,
    account_tag: AccountId,
}

impl From<&ManagementClaims> for WireClaims {
    fn from(claims: &ManagementClaims) -> Self {
        Self {
            tun: WireTunnel {
                id: claims.tunnel.tunnel,
                account_tag: claims.tunnel.account,
            },
            actor: claims.actor.clone(),
            res: named(&claims.resources),
            iat: seconds(claims.issued_at),
            exp: seconds(claims.expires_at),
            nbf: None,
            iss: ISSUER.to_owned(),
        }
    }
}

/// The resources as the vendor's tokens name them.
fn named(resources: &[ManagementResource]) -> Vec<String> {
    let mut names: Vec<_> = resources.iter().map(ToString::to_string).collect();
    if resources.contains(&ManagementResource::Logs) {
        names.push(PING.to_owned());
    }
    names
}

impl WireClaims {
    /// The claims, if each makes sense by itself. Resources that this version does not know open nothing.
    pub(super) fn read(self) -> Option<ManagementClaims> {
        let named = !self.actor.id.is_empty() && self.actor.id.len() <= MAX_ACTOR;
        named.then_some(ManagementClaims {
            tunnel: TunnelKey {
                account: self.tun.account_tag,
                tunnel: self.tun.id,
            },
            actor: self.actor,
            resources: self.res.iter().filter_map(|name| name.parse().ok()).collect(),
            issued_at: moment(self.iat)?,
            expires_at: moment(self.exp)?,
        })
    }
}

/// Seconds since 1970, as tokens count; 0 for what lies before.
pub(super) fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.unix_micros().div_euclid(1_000_000)).unwrap_or(0)
}

/// The moment that many seconds after 1970.
pub(super) fn moment(seconds: u64) -> Option<Timestamp> {
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Timestamp::from_unix_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_for_log_lines_names_the_ping_that_goes_with_them() {
        use ManagementResource::{Admin, HostDetails, Logs};
        assert_eq!(named(&[Logs]), ["logs", "ping"]);
        assert_eq!(named(&[Logs, HostDetails]), ["logs", "host_details", "ping"]);
        assert_eq!(named(&[Admin]), ["admin"]);
    }
}
