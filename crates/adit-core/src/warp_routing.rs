//! The `warp-routing` object of a configuration: how a connector reaches into private networks.
//!
//! Whether a flow goes there is the edge's to say, by its routes; `enabled` is a key of old configurations and means
//! nothing. Source: cloudflare/cloudflared: ingress/config.go (`WarpRoutingConfig`).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object;

/// A connection to a private address is given up after this, unless a configuration says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The period of TCP keep-alive towards private addresses, unless a configuration says otherwise.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How a connector reaches into private networks. What is not set has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WarpRouting {
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_keep_alive: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_active_flows: Option<u64>,
}

#[derive(Deserialize)]
struct WireConfig {
    #[serde(default, rename = "warp-routing", deserialize_with = "object::maybe")]
    warp_routing: Option<WarpRouting>,
}

/// The JSON is of another shape.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WarpRoutingError(#[from] serde_json::Error);

impl WarpRouting {
    /// Reads the object out of a whole configuration, as the API stores it and the edge pushes it. Times are whole
    /// seconds. Keys it does not know are ignored.
    ///
    /// # Errors
    /// [`WarpRoutingError`] for JSON of another shape.
    pub fn from_json(json: &[u8]) -> Result<Self, WarpRoutingError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let config: WireConfig = object::one(&mut deserializer)?;
        deserializer.end()?;
        Ok(config.warp_routing.unwrap_or_default())
    }

    /// The object: only what was set appears.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Numbers always serialise.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// How long a connection to an address may take; zero for as long as the system lets it. Default 5 s.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        seconds(self.connect_timeout).unwrap_or(CONNECT_TIMEOUT)
    }

    /// The period of TCP keep-alive; zero leaves it to the connector. Default 30 s.
    #[must_use]
    pub fn tcp_keep_alive(&self) -> Duration {
        seconds(self.tcp_keep_alive).unwrap_or(TCP_KEEP_ALIVE)
    }

    /// How many flows, TCP and UDP together, a connector may have at once; 0, the default, is no limit.
    #[must_use]
    pub fn max_active_flows(&self) -> u64 {
        self.max_active_flows.unwrap_or_default()
    }
}

fn seconds(setting: Option<u32>) -> Option<Duration> {
    setting.map(|seconds| Duration::from_secs(u64::from(seconds)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Result<WarpRouting, WarpRoutingError> {
        WarpRouting::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        for config in [
            json!({}),
            json!({"warp-routing": null}),
            json!({"ingress": [], "warp-routing": {"enabled": true}}),
        ] {
            let routing = read(&config).unwrap();
            assert_eq!(routing, WarpRouting::default());
            assert_eq!(routing.connect_timeout(), Duration::from_secs(5));
            assert_eq!(routing.tcp_keep_alive(), Duration::from_secs(30));
            assert_eq!(routing.max_active_flows(), 0);
        }
    }

    #[test]
    fn what_is_set_is_told_again() {
        let source = json!({"connectTimeout": 7, "tcpKeepAlive": 0, "maxActiveFlows": 12});
        let routing = read(&json!({ "warp-routing": source })).unwrap();
        assert_eq!(routing.connect_timeout(), Duration::from_secs(7));
        assert_eq!(routing.tcp_keep_alive(), Duration::ZERO);
        assert_eq!(routing.max_active_flows(), 12);
        assert_eq!(routing.to_json(), source);
    }

    #[test]
    fn another_shape_is_refused() {
        for wrong in [
            json!([]),
            json!({"warp-routing": [1, 2, 3]}),
            json!({"warp-routing": {"connectTimeout": "5s"}}),
            json!({"warp-routing": {"connectTimeout": 1.5}}),
            json!({"warp-routing": {"maxActiveFlows": -1}}),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes: Vec<u8>, text in r#"\{"warp-routing":\{"[a-zA-Z]{0,9}":"?.{0,20}"?\}\}"#) {
            let _ = WarpRouting::from_json(&bytes);
            let _ = WarpRouting::from_json(text.as_bytes());
        }
    }
}
