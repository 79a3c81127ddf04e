//! `/config`: what is served, with every setting filled in. Field order and names are cloudflared's.
//! Source: cloudflare/cloudflared: orchestration/config.go, ingress/config.go.

use std::time::Duration;

use adit_core::ingress::{Ingress, IpRule, OriginRequest, ProxyProtocol, ProxyType, Rule};
use adit_model::ConfigVersion;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

#[derive(Serialize)]
struct Versioned {
    version: i32,
    config: Config,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    ingress: Vec<ShownRule>,
    #[serde(rename = "warp-routing")]
    warp_routing: Value,
    origin_request: Settings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownRule {
    hostname: String,
    path: Option<String>,
    service: String,
    /// What stands before the service: an object for each, without anything in it.
    #[serde(rename = "Handlers")]
    handlers: Option<Vec<Map<String, Value>>>,
    origin_request: Settings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    #[serde(serialize_with = "seconds")]
    connect_timeout: Duration,
    #[serde(serialize_with = "seconds")]
    tls_timeout: Duration,
    #[serde(serialize_with = "seconds")]
    tcp_keep_alive: Duration,
    no_happy_eyeballs: bool,
    #[serde(serialize_with = "seconds")]
    keep_alive_timeout: Duration,
    keep_alive_connections: usize,
    http_host_header: String,
    origin_server_name: String,
    #[serde(rename = "matchSNItoHost")]
    match_sni_to_host: bool,
    ca_pool: String,
    #[serde(rename = "noTLSVerify")]
    no_tls_verify: bool,
    disable_chunked_encoding: bool,
    bastion_mode: bool,
    proxy_address: &'static str,
    proxy_port: u16,
    proxy_type: &'static str,
    ip_rules: Option<Vec<Value>>,
    #[serde(rename = "http2Origin")]
    http2_origin: bool,
    access: ShownAccess,
    /// Adit's own, and shown only where it is set.
    #[serde(skip_serializing_if = "str::is_empty")]
    proxy_protocol: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownAccess {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    team_name: String,
    aud_tag: Option<Vec<String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    environment: String,
}

/// Whole seconds without a fraction, as Go writes a number.
fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    match time.subsec_nanos() {
        0 => serializer.serialize_u64(time.as_secs()),
        _ => serializer.serialize_f64(time.as_secs_f64()),
    }
}

impl From<&OriginRequest> for Settings {
    fn from(settings: &OriginRequest) -> Self {
        let access = settings.access.as_ref();
        Self {
            connect_timeout: settings.connect_timeout,
            tls_timeout: settings.tls_timeout,
            tcp_keep_alive: settings.tcp_keep_alive,
            no_happy_eyeballs: settings.no_happy_eyeballs,
            keep_alive_timeout: settings.keep_alive_timeout,
            keep_alive_connections: settings.keep_alive_connections,
            http_host_header: settings.http_host_header.clone(),
            origin_server_name: settings.origin_server_name.clone(),
            match_sni_to_host: settings.match_sni_to_host,
            ca_pool: settings.ca_pool.clone(),
            no_tls_verify: settings.no_tls_verify,
            disable_chunked_encoding: settings.disable_chunked_encoding,
            bastion_mode: settings.bastion_mode,
            // Where a proxy of the connector's own would listen, which no service has any more.
            proxy_address: "127.0.0.1",
            proxy_port: 0,
            proxy_type: match settings.proxy_type {
                ProxyType::None => "",
                ProxyType::Socks => "socks",
            },
            ip_rules: (!settings.ip_rules.is_empty())
                .then(|| settings.ip_rules.iter().map(shown_ip_rule).collect()),
            http2_origin: settings.http2_origin,
            access: ShownAccess {
                required: access.is_some_and(|access| access.required),
                team_name: access.map(|access| access.team_name.clone()).unwrap_or_default(),
                aud_tag: access
                    .map(|access| access.aud_tag.clone())
                    .filter(|tags| !tags.is_empty()),
                environment: access
                    .map(|access| access.environment.clone())
                    .unwrap_or_default(),
            },
            proxy_protocol: match settings.proxy_protocol {
                ProxyProtocol::None => "",
                ProxyProtocol::V1 => "v1",
                ProxyProtocol::V2 => "v2",
            },
        }
    }
}

fn shown_ip_rule(rule: &IpRule) -> Value {
    json!({"prefix": rule.prefix.to_string(), "ports": rule.ports, "allow": rule.allow})
}

impl From<&Rule> for ShownRule {
    fn from(rule: &Rule) -> Self {
        let access = rule.origin_request.access.as_ref();
        let is_guarded = access.is_some_and(|access| access.required);
        Self {
            hostname: rule.hostname.to_string(),
            path: rule.path.as_ref().map(|path| path.as_str().to_owned()),
            service: rule.service.to_string(),
            handlers: is_guarded.then(|| vec![Map::new()]),
            origin_request: Settings::from(&rule.origin_request),
        }
    }
}

/// The body of `/config`.
pub(super) fn json(version: ConfigVersion, ingress: &Ingress, warp_routing: Value) -> String {
    let versioned = Versioned {
        version: version.0,
        config: Config {
            ingress: ingress.rules().map(ShownRule::from).collect(),
            warp_routing,
            origin_request: Settings::from(ingress.defaults()),
        },
    };
    // Plain values always serialise.
    serde_json::to_string(&versioned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an unmodified cloudflared 2026.8.2 tells of the same rules.
    const WANTED: &str = r#"{"version":-1,"config":{"ingress":[{"hostname":"shop.adit.localhost","path":"/a.*","service":"http://127.0.0.1:9123","Handlers":[{}],"originRequest":{"connectTimeout":5,"tlsTimeout":10,"tcpKeepAlive":30,"noHappyEyeballs":false,"keepAliveTimeout":90,"keepAliveConnections":100,"httpHostHeader":"foo","originServerName":"","matchSNItoHost":false,"caPool":"","noTLSVerify":true,"disableChunkedEncoding":false,"bastionMode":false,"proxyAddress":"127.0.0.1","proxyPort":0,"proxyType":"","ipRules":null,"http2Origin":false,"access":{"required":true,"teamName":"tt","audTag":["a"]}}},{"hostname":"","path":null,"service":"tcp://127.0.0.1:22","Handlers":null,"originRequest":{"connectTimeout":30,"tlsTimeout":10,"tcpKeepAlive":30,"noHappyEyeballs":false,"keepAliveTimeout":90,"keepAliveConnections":100,"httpHostHeader":"","originServerName":"","matchSNItoHost":false,"caPool":"","noTLSVerify":false,"disableChunkedEncoding":false,"bastionMode":false,"proxyAddress":"127.0.0.1","proxyPort":0,"proxyType":"","ipRules":null,"http2Origin":false,"access":{"teamName":"","audTag":null}}}],"warp-routing":{},"originRequest":{"connectTimeout":30,"tlsTimeout":10,"tcpKeepAlive":30,"noHappyEyeballs":false,"keepAliveTimeout":90,"keepAliveConnections":100,"httpHostHeader":"","originServerName":"","matchSNItoHost":false,"caPool":"","noTLSVerify":false,"disableChunkedEncoding":false,"bastionMode":false,"proxyAddress":"127.0.0.1","proxyPort":0,"proxyType":"","ipRules":null,"http2Origin":false,"access":{"teamName":"","audTag":null}}}}"#;

    #[test]
    fn every_setting_is_told_byte_for_byte_as_cloudflared_does() {
        let ingress = Ingress::from_json(
            br#"{"ingress":[{"hostname":"shop.adit.localhost","path":"/a.*","service":"http://127.0.0.1:9123",
                "originRequest":{"connectTimeout":5,"noTLSVerify":true,"httpHostHeader":"foo",
                "access":{"required":true,"teamName":"tt","audTag":["a"]}}},{"service":"tcp://127.0.0.1:22"}]}"#,
        )
        .unwrap();
        assert_eq!(json(ConfigVersion(-1), &ingress, json!({})), WANTED);
    }
}
