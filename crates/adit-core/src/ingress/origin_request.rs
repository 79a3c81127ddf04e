//! How the connector speaks to an origin.

use std::time::Duration;

use super::IpRule;

/// Settings of a rule towards its origin, all filled in.
/// Source: cloudflare/cloudflared: config/configuration.go, ingress/config.go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRequest {
    /// Limit of the TCP connect. Default 30 s.
    pub connect_timeout: Duration,
    /// Limit of the TLS handshake. Default 10 s.
    pub tls_timeout: Duration,
    /// Period of TCP keep-alive. Default 30 s.
    pub tcp_keep_alive: Duration,
    /// Try one address after the other instead of racing IPv4 against IPv6. Default false.
    pub no_happy_eyeballs: bool,
    /// Idle connections kept. Default 100.
    pub keep_alive_connections: usize,
    /// How long an idle connection is kept. Default 90 s.
    pub keep_alive_timeout: Duration,
    /// Replaces the Host header; empty keeps the client's. Default empty.
    pub http_host_header: String,
    /// Name to ask for and to verify in TLS; empty takes the origin's. Default empty.
    pub origin_server_name: String,
    /// Take that name from the request's Host. Default false.
    pub match_sni_to_host: bool,
    /// Path of a PEM file with further trust anchors; empty for none. Default empty.
    pub ca_pool: String,
    /// Accept any certificate. Default false.
    pub no_tls_verify: bool,
    /// Send bodies with Content-Length. Default false.
    pub disable_chunked_encoding: bool,
    /// The client names its destination. Default false.
    pub bastion_mode: bool,
    /// A SOCKS5 proxy before a TCP service. Default none.
    pub proxy_type: ProxyType,
    /// Whom a SOCKS5 client may reach; first match wins, the rest is denied. Default empty.
    pub ip_rules: Vec<IpRule>,
    /// What a TCP service is told of the client. Default none. Adit's own.
    pub proxy_protocol: ProxyProtocol,
    /// Try HTTP/2 with a TLS origin. Default false.
    pub http2_origin: bool,
    /// Whether clients need a token of an access team. Default none.
    pub access: Option<Access>,
}

impl Default for OriginRequest {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(30),
            tls_timeout: Duration::from_secs(10),
            tcp_keep_alive: Duration::from_secs(30),
            no_happy_eyeballs: false,
            keep_alive_connections: 100,
            keep_alive_timeout: Duration::from_secs(90),
            http_host_header: String::new(),
            origin_server_name: String::new(),
            match_sni_to_host: false,
            ca_pool: String::new(),
            no_tls_verify: false,
            disable_chunked_encoding: false,
            bastion_mode: false,
            proxy_type: ProxyType::None,
            ip_rules: Vec::new(),
            proxy_protocol: ProxyProtocol::None,
            http2_origin: false,
            access: None,
        }
    }
}

/// What stands between the client's WebSocket and a TCP service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyType {
    /// Nothing.
    #[default]
    None,
    /// A SOCKS5 server.
    Socks,
}

/// Whether a TCP service is told whose connection it serves, by a line or a header before the first byte.
/// Source: the PROXY protocol, versions 1 and 2, of HAProxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// No.
    #[default]
    None,
    /// In text.
    V1,
    /// In binary.
    V2,
}

/// Clients need a token of an access team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether requests without a valid token are refused.
    pub required: bool,
    /// The team that issues tokens.
    pub team_name: String,
    /// Audiences, one of which a token must have.
    pub aud_tag: Vec<String>,
    /// Empty, or `fed`.
    pub environment: String,
}
