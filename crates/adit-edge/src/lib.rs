//! The edge: where connectors dial in and public traffic enters.
//!
//! [`Edge`] accepts connectors over QUIC and HTTP/2 and proxies each public request to one of their connections.
//! It decides nothing: who may register and where a request goes come from `adit-core`. It knows no database, no REST:
//! it follows the store through [`adit_core::port::Directory`] and reports through [`adit_core::port::Presence`].
//!
//! Start with [`Edge::start`]. Inside, `accept` is the connectors' side, `public` the clients', `tunnels` the table
//! between them, `route` the choice of a connection, `opening` and `upstream` one exchange from one to the other, `private` what
//! goes into private networks, `private_proxy` who lets people in there, and `management` who may pass to a connector's own
//! service.

mod accept;
pub mod certificates;
mod complaint;
mod connection;
mod context;
mod control;
mod drain;
mod edge;
mod end;
mod follow;
mod limiter;
mod management;
mod memory;
mod metrics;
mod opening;
mod places;
mod private;
mod private_proxy;
mod public;
mod push;
mod registrar;
mod replies;
mod route;
mod traffic;
mod tunnels;
mod upstream;
mod watch;

pub use edge::{Edge, EdgeAddresses, EdgeConfig, EdgeError};
pub use management::ManagementConfig;
pub use private::{PrivateLimits, TunnelDialer};
pub use public::PublicLimits;
