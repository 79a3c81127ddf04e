//! The REST API: Cloudflare's v4, tunnel part, under `/client/v4`.
//!
//! [`router()`] authenticates, authorises and parses; what may happen is decided in `adit-core`, kept behind the port
//! `Catalog` and asked of edges through the port `EdgeControl`. It knows no edge and no database. [`serve()`] puts the
//! router on a listener with every limit that a public address needs.
//!
//! Start with [`router()`], then `problem`, the one place with statuses and error codes.

mod accounts;
mod audit;
mod auth;
mod conformance;
mod devices;
mod endpoint;
mod envelope;
mod extract;
mod hosts;
mod load_balancers;
mod log_level;
mod management;
mod name;
mod networks;
mod observe;
mod openapi;
mod problem;
mod quick_tunnels;
mod router;
mod scope;
mod serve;
mod sites;
mod state;
mod tokens;
mod tunnels;
mod zones;

pub use conformance::{Worlds, conformance_router};
pub use openapi::openapi;
pub use quick_tunnels::QuickTunnelService;
pub use router::router;
pub use serve::serve;
pub use state::{ApiState, ClientAddress, Limits, MeshHub};
