//! The connector: cloudflared's half of a tunnel.
//!
//! [`Connector`] dials edges, registers its connections, and serves each stream that an edge opens by asking the
//! origin that the ingress rules name. It knows nothing of command lines or files: the binary hands in a
//! [`ConnectorConfig`]. Start with [`Connector::run`]; `redial` decides when to dial, `slot` does it, `exchange`
//! serves one stream, `origin` speaks with origins.

mod config;
mod connector;
mod exchange;
mod hello;
mod local;
mod metrics;
mod origin;
mod redial;
mod session;
mod slot;
mod status;
mod websocket;

pub use config::{
    ConnectorConfig, DEFAULT_GRACE_PERIOD, DEFAULT_HA_CONNECTIONS, EdgeAddress, EdgeAddressError,
    MAX_GRACE_PERIOD,
};
pub use connector::{Connector, ConnectorError, Shutdown};
pub use local::{LocalEndpoint, RenderMetrics};
pub use status::{LiveConnection, Status};
