//! What is wrong with ingress rules.

/// Why rules are refused. The texts that an operator may know from `cloudflared` read as there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngressError {
    /// An empty list.
    #[error("The ingress has no rules")]
    NoRules,
    /// The last rule has a host name or a path.
    #[error("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)")]
    LastIsNoCatchAll,
    /// A rule before the last one has neither.
    #[error(
        "Rule #{number} is matching the hostname '{hostname}', but this will match every hostname, so the rules \
         after it can never match"
    )]
    EarlyCatchAll {
        /// Its place, from 1.
        number: usize,
        /// The host name as written; may be empty.
        hostname: String,
    },
    /// `example.com:8080`.
    #[error("Hostname cannot contain a port")]
    HostnameHasPort,
    /// A `*` that does not stand alone at the start.
    #[error("Hostname '{0}' has a wildcard that is not its whole first label, as in '*.example.com'")]
    BadWildcard(String),
    /// A path pattern that does not compile, or is too large by itself or together with those before it.
    #[error("Rule #{number} has an invalid path pattern: {reason}")]
    BadPath {
        /// The rule's place, from 1.
        number: usize,
        /// What the pattern compiler says.
        reason: String,
    },
    /// A service that names no address.
    #[error("{0} is an invalid address, please make sure it has a scheme and a hostname")]
    NoAddress(String),
    /// A service URL with a path.
    #[error(
        "{0} is an invalid address, ingress rules don't support proxying to a different path on the origin"
    )]
    AddressHasPath(String),
    /// A port that is none.
    #[error("{0} is an invalid address, its port is not a number from 1 to 65535")]
    BadPort(String),
    /// `http_status:` with something else than 100 to 999.
    #[error("{0} has an invalid HTTP status code, it must be a number from 100 to 999")]
    BadStatus(String),
    /// Access is asked for without the team that grants it.
    #[error("access.teamName must be set where access.audTag is")]
    AccessWithoutTeam,
    /// `proxyType` is neither empty nor `socks`.
    #[error("proxyType must be empty or \"socks\", not {0:?}")]
    BadProxyType(String),
    /// The JSON does not have the shape of a configuration.
    #[error("{0}")]
    Json(String),
}
