//! What is wrong with ingress rules.

use super::ip_rules::IpRuleFault;

/// Why rules are refused. What an operator may know from `cloudflared` reads as there.
/// Source: the output of `cloudflared tunnel ingress validate`, 2026.8.2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngressError {
    /// An empty list.
    #[error("The config file doesn't contain any ingress rules")]
    NoRules,
    /// The last rule has a host name or a path.
    #[error("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)")]
    LastIsNoCatchAll,
    /// A rule before the last one has neither.
    #[error(
        "Rule #{number} is matching the hostname '{hostname}', but this will match every hostname, meaning the rules \
         which follow it will never be triggered."
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
    /// A `*` behind the start, or a second one.
    #[error(
        "Hostname patterns can have at most one wildcard character (\"*\") and it can only be used for subdomains, \
         e.g. \"*.example.com\""
    )]
    BadWildcard,
    /// A path pattern that does not compile, or is too large by itself or together with those before it.
    #[error("Rule #{number} has an invalid regex: error parsing regexp: {reason}")]
    BadPath {
        /// The rule's place, from 1.
        number: usize,
        /// What the pattern compiler says, in one line.
        reason: String,
    },
    /// A service that names no address.
    #[error("{0} is an invalid address, please make sure it has a scheme and a hostname")]
    NoAddress(String),
    /// A service URL with a path.
    #[error(
        "{0} is an invalid address, ingress rules don't support proxying to a different path on the origin service. \
         The path will be the same as the eyeball request's path"
    )]
    AddressHasPath(String),
    /// A service that is no URL.
    #[error("parse {text:?}: {fault}")]
    BadUrl {
        /// The service as written.
        text: String,
        /// What is wrong.
        fault: UrlFault,
    },
    /// A service URL whose scheme has no usual port, without one.
    #[error("{0} is an invalid address, a service of this scheme needs a port")]
    NoPort(String),
    /// `http_status:` with something else than 100 to 999.
    #[error("invalid HTTP status code: {0}")]
    BadStatus(String),
    /// Access is asked for without the team that grants it.
    #[error("access.TeamName cannot be blank when access.audTags are present")]
    AccessWithoutTeam,
    /// A rule of a SOCKS5 service makes no sense.
    #[error("unable to create ip rule for socks-proxy: {0}")]
    BadIpRule(IpRuleFault),
    /// `proxyProtocol` is neither empty nor `v1` nor `v2`.
    #[error("proxyProtocol must be empty, \"v1\" or \"v2\", not {0:?}")]
    BadProxyProtocol(String),
    /// The JSON does not have the shape of a configuration.
    #[error("{0}")]
    Json(String),
}

/// What is wrong with a text that should be a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// A control character.
    #[error("net/url: invalid control character in URL")]
    Control,
    /// It begins with the colon behind a scheme.
    #[error("missing protocol scheme")]
    NoScheme,
    /// What stands before its first colon is no scheme.
    #[error("first path segment in URL cannot contain colon")]
    BadScheme,
    /// A character that no host has.
    #[error("invalid character \"{0}\" in host name")]
    HostCharacter(char),
    /// A percent sign that begins no escape.
    #[error("invalid URL escape {0:?}")]
    Escape(String),
    /// Something else than a port behind the host's colon.
    #[error("invalid port {0:?} after host")]
    Port(String),
}
