//! The `originRequest` object: only what differs from what lies below it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    ingress::{Access, IngressError, IpRule, IpRuleFault, OriginRequest, ProxyProtocol, ProxyType},
    object,
};

/// Only what differs from what lies below it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireOriginRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_keep_alive: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_happy_eyeballs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive_connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_host_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_server_name: Option<String>,
    #[serde(rename = "matchSNItoHost", skip_serializing_if = "Option::is_none")]
    match_sni_to_host: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_pool: Option<String>,
    #[serde(rename = "noTLSVerify", skip_serializing_if = "Option::is_none")]
    no_tls_verify: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_chunked_encoding: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bastion_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_type: Option<String>,
    // Without a use here, but of types that connectors insist on.
    #[serde(skip_serializing)]
    proxy_address: Option<String>,
    #[serde(skip_serializing)]
    proxy_port: Option<u16>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::maybe_all"
    )]
    ip_rules: Option<Vec<WireIpRule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_protocol: Option<String>,
    #[serde(rename = "http2Origin", skip_serializing_if = "Option::is_none")]
    http2_origin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object::maybe")]
    access: Option<WireAccess>,
}

#[derive(Clone, Serialize, Deserialize)]
struct WireIpRule {
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default, deserialize_with = "ports")]
    ports: Vec<i64>,
    #[serde(default)]
    allow: bool,
}

/// `null` is an empty list, as everywhere in a configuration.
fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireAccess {
    required: bool,
    team_name: String,
    aud_tag: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    environment: String,
}

impl WireOriginRequest {
    /// Lays these settings over others, key by key.
    pub(super) fn apply(&self, over: &mut OriginRequest) -> Result<(), IngressError> {
        fn lay<T: Clone>(from: &Option<T>, to: &mut T) {
            if let Some(value) = from {
                to.clone_from(value);
            }
        }
        let seconds = |from: Option<u32>, to: &mut Duration| {
            if let Some(seconds) = from {
                *to = Duration::from_secs(u64::from(seconds));
            }
        };
        seconds(self.connect_timeout, &mut over.connect_timeout);
        seconds(self.tls_timeout, &mut over.tls_timeout);
        seconds(self.tcp_keep_alive, &mut over.tcp_keep_alive);
        seconds(self.keep_alive_timeout, &mut over.keep_alive_timeout);
        lay(&self.no_happy_eyeballs, &mut over.no_happy_eyeballs);
        if let Some(count) = self.keep_alive_connections {
            over.keep_alive_connections = usize::try_from(count).unwrap_or(usize::MAX);
        }
        lay(&self.http_host_header, &mut over.http_host_header);
        lay(&self.origin_server_name, &mut over.origin_server_name);
        lay(&self.match_sni_to_host, &mut over.match_sni_to_host);
        lay(&self.ca_pool, &mut over.ca_pool);
        lay(&self.no_tls_verify, &mut over.no_tls_verify);
        lay(&self.disable_chunked_encoding, &mut over.disable_chunked_encoding);
        lay(&self.bastion_mode, &mut over.bastion_mode);
        lay(&self.http2_origin, &mut over.http2_origin);
        if let Some(kind) = &self.proxy_type {
            // What `cloudflared` does not know is no proxy to it.
            over.proxy_type = match kind.as_str() {
                "socks" => ProxyType::Socks,
                _ => ProxyType::None,
            };
        }
        if let Some(version) = &self.proxy_protocol {
            over.proxy_protocol = match version.as_str() {
                "" => ProxyProtocol::None,
                "v1" => ProxyProtocol::V1,
                "v2" => ProxyProtocol::V2,
                other => return Err(IngressError::BadProxyProtocol(other.to_owned())),
            };
        }
        if let Some(access) = &self.access {
            if access.team_name.is_empty() && !access.aud_tag.is_empty() {
                return Err(IngressError::AccessWithoutTeam);
            }
            over.access = Some(access.clone().into());
        }
        Ok(())
    }

    /// The rules for SOCKS5 clients, if these settings have any.
    pub(super) fn ip_rules(&self) -> Option<Result<Vec<IpRule>, IpRuleFault>> {
        let rule = |wire: &WireIpRule| IpRule::new(wire.prefix.as_deref(), &wire.ports, wire.allow);
        self.ip_rules
            .as_ref()
            .map(|rules| rules.iter().map(rule).collect())
    }

    /// The settings that differ from the defaults.
    pub(super) fn of(settings: &OriginRequest) -> Self {
        fn differing<T: PartialEq + Clone>(value: &T, default: &T) -> Option<T> {
            (value != default).then(|| value.clone())
        }
        let default = OriginRequest::default();
        let seconds = |value: Duration, default: Duration| {
            differing(&value, &default).map(|value| u32::try_from(value.as_secs()).unwrap_or(u32::MAX))
        };
        let proxy_type = differing(&settings.proxy_type, &default.proxy_type);
        Self {
            connect_timeout: seconds(settings.connect_timeout, default.connect_timeout),
            tls_timeout: seconds(settings.tls_timeout, default.tls_timeout),
            tcp_keep_alive: seconds(settings.tcp_keep_alive, default.tcp_keep_alive),
            no_happy_eyeballs: differing(&settings.no_happy_eyeballs, &default.no_happy_eyeballs),
            keep_alive_connections: differing(
                &settings.keep_alive_connections,
                &default.keep_alive_connections,
            )
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
            keep_alive_timeout: seconds(settings.keep_alive_timeout, default.keep_alive_timeout),
            http_host_header: differing(&settings.http_host_header, &default.http_host_header),
            origin_server_name: differing(&settings.origin_server_name, &default.origin_server_name),
            match_sni_to_host: differing(&settings.match_sni_to_host, &default.match_sni_to_host),
            ca_pool: differing(&settings.ca_pool, &default.ca_pool),
            no_tls_verify: differing(&settings.no_tls_verify, &default.no_tls_verify),
            disable_chunked_encoding: differing(
                &settings.disable_chunked_encoding,
                &default.disable_chunked_encoding,
            ),
            bastion_mode: differing(&settings.bastion_mode, &default.bastion_mode),
            proxy_address: None,
            proxy_port: None,
            proxy_type: proxy_type.map(|_socks| "socks".to_owned()),
            ip_rules: differing(&settings.ip_rules, &default.ip_rules)
                .map(|rules| rules.into_iter().map(WireIpRule::from).collect()),
            proxy_protocol: match settings.proxy_protocol {
                ProxyProtocol::None => None,
                ProxyProtocol::V1 => Some("v1".to_owned()),
                ProxyProtocol::V2 => Some("v2".to_owned()),
            },
            http2_origin: differing(&settings.http2_origin, &default.http2_origin),
            access: settings.access.clone().map(WireAccess::from),
        }
    }
}

impl From<IpRule> for WireIpRule {
    fn from(IpRule { prefix, ports, allow }: IpRule) -> Self {
        Self {
            prefix: Some(prefix.to_string()),
            ports: ports.into_iter().map(i64::from).collect(),
            allow,
        }
    }
}

impl From<WireAccess> for Access {
    fn from(wire: WireAccess) -> Self {
        Self {
            required: wire.required,
            team_name: wire.team_name,
            aud_tag: wire.aud_tag,
            environment: wire.environment,
        }
    }
}

impl From<Access> for WireAccess {
    fn from(access: Access) -> Self {
        Self {
            required: access.required,
            team_name: access.team_name,
            aud_tag: access.aud_tag,
            environment: access.environment,
        }
    }
}
