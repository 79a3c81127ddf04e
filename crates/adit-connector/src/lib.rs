//! The connector: cloudflared's half of a tunnel.
//!
//! [`Connector`] dials edges, registers its connections, and serves each stream that an edge opens by asking the
//! origin that the ingress rules name. It knows nothing of command lines or files: the binary hands in a
//! [`ConnectorConfig`]. Start with [`Connector::run`]; `redial` decides when to dial and `choice` by which transport,
//! `slot` does it, `vigil` decides whether a connection lives, `exchange` serves one stream, `origin` speaks with origins,
//! `features` says what a connection announces.
//! What is served may change while it runs: [`Configurations`].

mod choice;
mod config;
mod configuration;
mod connector;
mod dial;
mod discovery;
mod exchange;
mod features;
mod flow;
mod hello;
mod link;
mod local;
mod lookup;
mod management;
mod metrics;
mod network;
mod origin;
mod prechecks;
mod private;
mod reconnects;
mod redial;
mod resolvers;
mod serving;
mod session;
mod slot;
mod status;
mod vigil;
mod websocket;

pub use choice::{Protocol, ProtocolChoice};
pub use config::{
    ConnectorConfig, DEFAULT_EDGE_RETRIES, DEFAULT_GRACE_PERIOD, DEFAULT_HA_CONNECTIONS, DEFAULT_QUIC_RETRY,
    EdgeAddress, EdgeAddressError, IpVersion, MAX_GRACE_PERIOD,
};
pub use configuration::{Configurations, Replaced};
pub use connector::{Connector, ConnectorError, Shutdown};
pub use discovery::{DiscoveryError, discover_edges};
pub use local::{LocalEndpoint, LocalView, RenderMetrics};
pub use management::{LogTap, ManagementConfig};
pub use metrics::HISTOGRAMS;
pub use prechecks::{PrecheckPlan, PrecheckReport, Prechecks};
pub use private::PrivateConfig;
pub use reconnects::Reconnects;
pub use status::{LiveConnection, Status, Trouble};
