//! What is particular to the HTTP/2 transport: the kind of a request told by headers, and user headers packed
//! into one.

mod serialized_headers;

pub use serialized_headers::{SerializedHeadersError, deserialize_headers, serialize_headers};

/// Tells the kind of a request: [`UPGRADE_CONTROL`], [`UPGRADE_WEBSOCKET`] or [`UPGRADE_CONFIGURATION`].
pub const UPGRADE_HEADER: &str = "cf-cloudflared-proxy-connection-upgrade";
/// Opens the control stream.
pub const UPGRADE_CONTROL: &str = "control-stream";
/// Opens a WebSocket.
pub const UPGRADE_WEBSOCKET: &str = "websocket";
/// Pushes a configuration.
pub const UPGRADE_CONFIGURATION: &str = "update-configuration";
/// Present and not empty: a TCP flow to `:authority`.
pub const TCP_SOURCE_HEADER: &str = "cf-cloudflared-proxy-src";
/// All user headers of a response, serialised.
pub const RESPONSE_HEADERS: &str = "cf-cloudflared-response-headers";
/// JSON that says who answered: `{"src":"origin"}` or `{"src":"cloudflared"}`.
pub const RESPONSE_META: &str = "cf-cloudflared-response-meta";

/// Who produced a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseSource {
    /// The origin.
    Origin,
    /// The connector itself: the origin was not reached.
    Connector {
        /// Its flow limit was hit.
        flow_limited: bool,
    },
}

impl ResponseSource {
    /// Reads the value of [`RESPONSE_META`]; anything but a clear word of the connector counts as the origin's.
    #[must_use]
    pub fn from_meta(value: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Meta {
            src: String,
            #[serde(default)]
            flow_rate_limited: bool,
        }
        match serde_json::from_slice::<Meta>(value) {
            Ok(meta) if meta.src == "cloudflared" => Self::Connector {
                flow_limited: meta.flow_rate_limited,
            },
            Ok(_) | Err(_) => Self::Origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meta_header_tells_origin_from_connector() {
        assert_eq!(
            ResponseSource::from_meta(br#"{"src":"origin"}"#),
            ResponseSource::Origin
        );
        assert_eq!(
            ResponseSource::from_meta(br#"{"src":"cloudflared","flow_rate_limited":true}"#),
            ResponseSource::Connector { flow_limited: true }
        );
        assert_eq!(ResponseSource::from_meta(b"garbage"), ResponseSource::Origin);
    }
}
