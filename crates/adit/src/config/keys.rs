//! The one declaration of every key.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use adit_model::{AccountId, Hostname, Location};
use ipnet::IpNet;

use super::{
    ConfigError, Role,
    layers::Layers,
    store_url::StoreUrl,
    value::{ByteSize, Directives, GracePeriod, HostPort, LogFormat, PublicUrl},
};

/// What a key is worth when nobody sets it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fallback {
    /// No value; the program decides (its help text says how).
    Unset,
    /// This text, for both commands.
    Both(&'static str),
    /// One text for `adit up`, another for `adit server`.
    PerRole(&'static str, &'static str),
}

impl Fallback {
    /// The text for that command.
    pub(super) const fn text(self, role: Role) -> Option<&'static str> {
        match (self, role) {
            (Self::Unset, _) => None,
            (Self::Both(text) | Self::PerRole(text, _), Role::Up)
            | (Self::Both(text) | Self::PerRole(_, text), Role::Server) => Some(text),
        }
    }
}

/// One key: its name in the file, from which flag and variable follow, and what to say about it.
#[derive(Debug)]
pub(super) struct Key {
    /// Such as `http.max_headers`.
    pub(super) name: &'static str,
    /// What stands for the value in the help text.
    pub(super) value_name: &'static str,
    /// The help text.
    pub(super) help: &'static str,
    /// Its default.
    pub(super) fallback: Fallback,
    /// False for a key whose part does not exist yet: to set it is an error.
    pub(super) built: bool,
}

impl Key {
    /// The flag without its dashes: `http-max-headers`.
    pub(super) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The variable: `ADIT_HTTP_MAX_HEADERS`.
    pub(super) fn variable(&self) -> String {
        format!("ADIT_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

macro_rules! built {
    () => {
        true
    };
    (later) => {
        false
    };
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:literal $value_name:literal $field:ident: $kind:ty = $fallback:expr $(; $later:ident)?,)*) => {
        /// Every setting, resolved.
        #[derive(Debug, Clone)]
        pub(crate) struct Settings {
            $(
                $(#[doc = $doc])+
                $(
                    #[doc = concat!(" (", stringify!($later), ")")]
                )?
                pub(crate) $field: $kind,
            )*
        }

        /// Every key, in the order in which the help shows them.
        pub(super) static KEYS: &[Key] = &[$(Key {
            name: $name,
            value_name: $value_name,
            help: concat!($($doc),+),
            fallback: $fallback,
            built: built!($($later)?),
        }),*];

        impl Settings {
            /// Resolves every key.
            pub(super) fn resolve(layers: &Layers) -> Result<Self, ConfigError> {
                Ok(Self { $($field: layers.value($name)?,)* })
            }

            /// The keys whose values differ from those of `other`, `but` for some.
            pub(crate) fn differences(&self, other: &Self, but: &[&str]) -> Vec<&'static str> {
                let all = [$(($name, self.$field != other.$field)),*].into_iter();
                all.filter(|(name, differs)| *differs && !but.contains(name))
                    .map(|(name, _)| name)
                    .collect()
            }
        }
    };
}

keys! {
    /// Where all state lives [default: $XDG_DATA_HOME/adit for `up`, /var/lib/adit for `server`]
    "data_dir" "DIR" data_dir: Option<PathBuf> = Fallback::Unset,
    /// The base domain: its zone exists from the first start
    "domain" "NAME" domain: Hostname = Fallback::Both("adit.localhost"),
    /// Where this edge stands: letters and two digits, shown to clients and in Cf-Ray
    "location" "CODE" location: Location = Fallback::Both("local01"),
    /// How long open streams may finish after a stop signal; at most 3m
    "grace_period" "TIME" grace_period: GracePeriod = Fallback::Both("30s"),
    /// The first account's id, 32 hexadecimal digits [default: generated at the first start]
    "account_id" "ID" account_id: Option<AccountId> = Fallback::Unset,
    /// REST API, quick tunnels and dashboard
    "api.listen" "ADDR" api_listen: SocketAddr = Fallback::Both("127.0.0.1:8787"),
    /// The URL under which clients reach the API [default: made from where it listens]
    "api.public_url" "URL" api_public_url: Option<PublicUrl> = Fallback::Unset,
    /// Where connectors dial in, UDP and TCP
    "edge.listen" "ADDR" edge_listen: SocketAddr = Fallback::PerRole("127.0.0.1:7844", "0.0.0.0:7844"),
    /// The address that `adit env` tells connectors to dial [default: made from where the edge listens]
    "edge.advertise" "HOST:PORT" edge_advertise: Option<HostPort> = Fallback::Unset,
    /// Memory for streams in flight, such as 512MiB [default: a quarter of RAM]
    "edge.memory_budget" "SIZE" edge_memory_budget: Option<ByteSize> = Fallback::Unset,
    /// Public HTTP
    "http.listen" "ADDR" http_listen: SocketAddr = Fallback::PerRole("127.0.0.1:8080", "0.0.0.0:8080"),
    /// Largest head of a public request
    "http.max_header_bytes" "SIZE" http_max_header_bytes: ByteSize = Fallback::Both("64KiB"),
    /// Most header fields of a public request
    "http.max_headers" "COUNT" http_max_headers: u32 = Fallback::Both("200"),
    /// Most public connections at once
    "http.max_connections" "COUNT" http_max_connections: u32 = Fallback::Both("16384"),
    /// A public connection without a request is closed after this time
    "http.idle_timeout" "TIME" http_idle_timeout: Duration = Fallback::Both("2m"),
    /// Whether the header Cf-Access-Jwt-Assertion of trusted proxies goes on to origins
    "http.pass_access_jwt" "BOOL" http_pass_access_jwt: bool = Fallback::Both("false"),
    /// Public HTTPS, and the names `api.` and `management.` below the domain
    "https.listen" "ADDR" https_listen: SocketAddr = Fallback::PerRole("127.0.0.1:8443", "0.0.0.0:8443"),
    /// A directory of certificates for public HTTPS, read again when its files change [default: those of Adit's own CA]
    "https.cert_dir" "DIR" https_cert_dir: Option<PathBuf> = Fallback::Unset,
    /// Prometheus metrics
    "metrics.listen" "ADDR" metrics_listen: SocketAddr = Fallback::Both("127.0.0.1:9464"),
    /// Packets of mesh nodes and devices, UDP
    "mesh.listen" "ADDR" mesh_listen: SocketAddr = Fallback::PerRole("127.0.0.1:51820", "0.0.0.0:51820"),
    /// The address that mesh devices, and nodes that dial another one, are told to send packets to [default: where the mesh listens, if that is one address that others reach]
    "mesh.advertise" "HOST:PORT" mesh_advertise: Option<HostPort> = Fallback::Unset,
    /// The address that mesh nodes dial when UDP is blocked, TCP and UDP [default: the host of mesh.advertise or the edge, at the port of https.listen]
    "mesh.advertise_https" "HOST:PORT" mesh_advertise_https: Option<HostPort> = Fallback::Unset,
    /// SOCKS5 and HTTP CONNECT into private networks [default: off]
    "private_proxy.listen" "ADDR" private_proxy_listen: Option<SocketAddr> = Fallback::Unset,
    /// Networks that private routes may reach although they are local to a machine or Adit's own, comma-separated
    "private.allow" "CIDR,…" private_allow: Vec<IpNet> = Fallback::Both(""),
    /// The database: sqlite:PATH or postgres://USER@HOST/NAME [default: sqlite:<data_dir>/adit.db]
    "store.url" "URL" store_url: Option<StoreUrl> = Fallback::Unset,
    /// Proxies in front whose X-Forwarded-For is believed, comma-separated
    "trusted_proxies" "CIDR,…" trusted_proxies: Vec<IpNet> = Fallback::Both(""),
    /// Whether anyone may ask for a quick tunnel
    "quick_tunnels.enabled" "BOOL" quick_tunnels_enabled: bool = Fallback::PerRole("true", "false"),
    /// A quick tunnel goes when no connector has come for this time since it was made
    "quick_tunnels.unused_timeout" "TIME" quick_tunnels_unused_timeout: Duration = Fallback::Both("2m"),
    /// A quick tunnel goes this time after its last connection has ended
    "quick_tunnels.idle_timeout" "TIME" quick_tunnels_idle_timeout: Duration = Fallback::Both("5m"),
    /// How long deleted tunnels are kept
    "retention.deleted_tunnels" "TIME" retention_deleted_tunnels: Duration = Fallback::Both("90d"),
    /// How long audit records are kept
    "retention.audit" "TIME" retention_audit: Duration = Fallback::Both("90d"),
    /// How long the history of connections is kept
    "retention.connections" "TIME" retention_connections: Duration = Fallback::Both("30d"),
    /// How many configurations of a tunnel are kept
    "retention.configurations" "COUNT" retention_configurations: u32 = Fallback::Both("100"),
    /// error, warn, info, debug, trace, or directives such as info,adit_edge=debug
    "log.level" "LEVEL" log_level: Directives = Fallback::Both("info"),
    /// text or json
    "log.format" "FORMAT" log_format: LogFormat = Fallback::Both("text"),
}
