//! How the origin of `--url` is spoken to. The flags act only on that origin, as with the stock client.

use std::{path::PathBuf, time::Duration};

use adit_core::ingress::{Ingress, IngressError, OriginRequest, ProxyType, Service};
use clap::Args;

use super::options::{go_duration, path, set};
use crate::failure::Failure;

/// The origin and how it is spoken to.
#[derive(Debug, Clone, Args)]
pub(super) struct OriginFlags {
    /// The origin's URL [default: http://localhost:8080]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TUNNEL_URL",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    url: Option<String>,
    /// Serve a built-in page instead of an origin
    #[arg(
        long,
        global = true,
        env = "TUNNEL_HELLO_WORLD",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    hello_world: bool,
    /// A Unix socket that the origin listens on, instead of --url
    #[arg(long, global = true, value_name = "PATH", env = "TUNNEL_UNIX_SOCKET", hide_env_values = true,
        value_parser = path(), help_heading = "Origin")]
    unix_socket: Option<PathBuf>,
    /// Serve as a jump host: clients name their destination
    #[arg(
        long,
        global = true,
        env = "TUNNEL_BASTION",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    bastion: bool,
    /// Serve as a SOCKS5 proxy, with --url tcp://…
    #[arg(
        long,
        global = true,
        env = "TUNNEL_SOCKS",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    socks5: bool,
    /// The Host that the origin is asked for, instead of the client's
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TUNNEL_HTTP_HOST_HEADER",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    http_host_header: Option<String>,
    /// The name that the origin's certificate must have
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TUNNEL_ORIGIN_SERVER_NAME",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    origin_server_name: Option<String>,
    /// A CA that the origin's certificate may be signed with
    #[arg(long, global = true, value_name = "FILE", env = "TUNNEL_ORIGIN_CA_POOL", hide_env_values = true,
        value_parser = path(), help_heading = "Origin")]
    origin_ca_pool: Option<PathBuf>,
    /// Take any certificate from the origin
    #[arg(
        long,
        global = true,
        env = "NO_TLS_VERIFY",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    no_tls_verify: bool,
    /// Send bodies with their length, as origins want that speak WSGI
    #[arg(
        long,
        global = true,
        env = "TUNNEL_NO_CHUNKED_ENCODING",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    no_chunked_encoding: bool,
    /// Speak HTTP/2 with an https origin that does
    #[arg(
        long,
        global = true,
        env = "TUNNEL_ORIGIN_ENABLE_HTTP2",
        hide_env_values = true,
        help_heading = "Origin"
    )]
    http2_origin: bool,
    /// How long connecting to the origin may take
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = go_duration,
        help_heading = "Origin")]
    proxy_connect_timeout: Duration,
    /// How long the TLS handshake with the origin may take
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = go_duration,
        help_heading = "Origin")]
    proxy_tls_timeout: Duration,
    /// How often an idle connection to the origin is probed
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = go_duration,
        help_heading = "Origin")]
    proxy_tcp_keepalive: Duration,
    /// Try the origin's addresses one after the other
    #[arg(long, global = true, help_heading = "Origin")]
    proxy_no_happy_eyeballs: bool,
    /// How many idle connections to the origin are kept
    #[arg(
        long,
        global = true,
        value_name = "COUNT",
        default_value_t = 100,
        help_heading = "Origin"
    )]
    proxy_keepalive_connections: usize,
    /// How long an idle connection to the origin is kept
    #[arg(long, global = true, value_name = "TIME", default_value = "1m30s", value_parser = go_duration,
        help_heading = "Origin")]
    proxy_keepalive_timeout: Duration,
}

impl OriginFlags {
    /// Whether an origin was named.
    pub(super) fn names_an_origin(&self) -> bool {
        self.wants_a_quick_tunnel() || self.bastion || set(self.unix_socket.as_ref()).is_some()
    }

    /// Whether what was said asks, without a command, for a quick tunnel.
    pub(super) fn wants_a_quick_tunnel(&self) -> bool {
        self.url().is_some() || self.hello_world
    }

    fn url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.is_empty())
    }

    /// One rule: everything goes to the origin.
    ///
    /// # Errors
    /// If the origin's address makes no sense, or is of a kind that is not in this version.
    pub(super) fn ingress(&self) -> Result<Ingress, Failure> {
        let service = if self.hello_world {
            Ok(Service::HelloWorld)
        } else if self.bastion {
            Ok(Service::Bastion)
        } else if let (None, Some(path)) = (self.url(), set(self.unix_socket.as_ref())) {
            Service::parse(&format!("unix:{}", path.display()))
        } else {
            Service::from_url_flag(self.url().unwrap_or("http://localhost:8080"))
        };
        let service = service
            .map_err(|error: IngressError| Failure::misuse(format!("the origin cannot be used: {error}")))?;
        Ok(Ingress::single(service, self.origin_request()))
    }

    fn origin_request(&self) -> OriginRequest {
        OriginRequest {
            connect_timeout: self.proxy_connect_timeout,
            tls_timeout: self.proxy_tls_timeout,
            tcp_keep_alive: self.proxy_tcp_keepalive,
            no_happy_eyeballs: self.proxy_no_happy_eyeballs,
            keep_alive_connections: self.proxy_keepalive_connections,
            keep_alive_timeout: self.proxy_keepalive_timeout,
            http_host_header: self.http_host_header.clone().unwrap_or_default(),
            origin_server_name: self.origin_server_name.clone().unwrap_or_default(),
            ca_pool: set(self.origin_ca_pool.as_ref())
                .map_or(String::new(), |path| path.display().to_string()),
            no_tls_verify: self.no_tls_verify,
            disable_chunked_encoding: self.no_chunked_encoding,
            http2_origin: self.http2_origin,
            bastion_mode: self.bastion,
            proxy_type: if self.socks5 {
                ProxyType::Socks
            } else {
                ProxyType::None
            },
            ..OriginRequest::default()
        }
    }
}
