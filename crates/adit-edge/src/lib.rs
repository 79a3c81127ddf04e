//! The edge: where connectors dial in and public traffic enters.
//!
//! [`Edge`] accepts connectors over QUIC and HTTP/2 and proxies each public request to one of their connections.
//! It decides nothing: who may register and where a request goes come from `adit-core`. It knows no database, no REST:
//! it follows the store through [`adit_core::port::Directory`] and reports through [`adit_core::port::Presence`].
//!
//! Start with [`Edge::start`]. Inside, `accept` is the connectors' side, `public` the clients', `tunnels` the table
//! between them, `route` the choice of a connection, and `upstream` one exchange from one to the other. `private` reaches
//! into private networks over the same connections, and `private_proxy` is who lets people in.

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

pub use edge::{Edge, EdgeAddresses, EdgeConfig, EdgeError, reachable_here};
pub use private::PrivateLimits;
pub use public::PublicLimits;
