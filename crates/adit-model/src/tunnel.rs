//! What a tunnel is called and how it fares.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A tunnel's name: 1 to 255 characters, kept as given, unique among the live tunnels of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TunnelName(String);

/// Why a text is not a tunnel name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TunnelNameError {
    /// Nothing in it.
    #[error("name must not be empty")]
    Empty,
    /// Longer than 255 characters.
    #[error("name must not be longer than 255 characters")]
    TooLong,
    /// A control character, which would garble a terminal or a log.
    #[error("name must not contain control characters")]
    Control,
}

impl TunnelName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TunnelName {
    type Err = TunnelNameError;

    fn from_str(text: &str) -> Result<Self, TunnelNameError> {
        if text.trim().is_empty() {
            return Err(TunnelNameError::Empty);
        }
        if text.chars().count() > 255 {
            return Err(TunnelNameError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(TunnelNameError::Control);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TunnelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a tunnel carries, and so which connectors may serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TunnelKind {
    /// Requests and sessions to origins, served by `cloudflared`. The default.
    #[default]
    CfdTunnel,
    /// Packets of a site, served by mesh nodes.
    WarpConnector,
}

impl TunnelKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CfdTunnel, Self::WarpConnector];

    /// The name in the v4 API (`tun_type`) and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CfdTunnel => "cfd_tunnel",
            Self::WarpConnector => "warp_connector",
        }
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`TunnelKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected cfd_tunnel or warp_connector")]
pub struct TunnelKindError;

impl FromStr for TunnelKind {
    type Err = TunnelKindError;

    fn from_str(text: &str) -> Result<Self, TunnelKindError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(TunnelKindError)
    }
}

/// Who owns a tunnel's ingress configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigSource {
    /// The connector: a file or flags beside it.
    #[default]
    Local,
    /// The API: configuration is pushed to connectors.
    Cloudflare,
}

impl ConfigSource {
    /// The name in the v4 API (`config_src`) and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloudflare => "cloudflare",
        }
    }
}

/// A text that names no [`ConfigSource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected local or cloudflare")]
pub struct ConfigSourceError;

impl FromStr for ConfigSource {
    type Err = ConfigSourceError;

    fn from_str(text: &str) -> Result<Self, ConfigSourceError> {
        [Self::Local, Self::Cloudflare]
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(ConfigSourceError)
    }
}

/// The version of a remote configuration; the first known one is 0, none is -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigVersion(pub i32);

impl Default for ConfigVersion {
    fn default() -> Self {
        Self(-1)
    }
}

/// A tunnel's state as the v4 API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelStatus {
    /// No connection was ever registered.
    Inactive,
    /// At least one live connection, and not degraded.
    Healthy,
    /// Serves, with fewer connections than a connector had registered.
    Degraded,
    /// Had connections before, none now.
    Down,
}

/// What a connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportProtocol {
    /// QUIC with ALPN `argotunnel`.
    Quic,
    /// HTTP/2 over TLS over TCP, the edge being the HTTP/2 client.
    Http2,
    /// The control connection of a mesh node: TLS over TCP with ALPN `adit-mesh/1`.
    Mesh,
}

impl fmt::Display for TransportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Http2 => "http2",
            Self::Mesh => "mesh",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_given_within_its_limits() {
        assert_eq!(" blog ".parse::<TunnelName>().unwrap().as_str(), " blog ");
        assert_eq!("  ".parse::<TunnelName>(), Err(TunnelNameError::Empty));
        assert_eq!(
            "é".repeat(256).parse::<TunnelName>(),
            Err(TunnelNameError::TooLong)
        );
        assert_eq!("a\nb".parse::<TunnelName>(), Err(TunnelNameError::Control));
    }

    #[test]
    fn a_kind_has_one_name_everywhere() {
        for kind in TunnelKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("warp".parse::<TunnelKind>(), Err(TunnelKindError));
    }
}
