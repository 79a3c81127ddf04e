//! HTTP/2 between connector and edge: the edge is the *client* on the TCP connection that the connector opened.
//!
//! [`H2Session::start`] takes an accepted [`crate::tls::TlsStream`] (no ALPN needed) and gives a handle and its
//! driver, which the caller runs. Each [`H2Session::open`] gives the response's future and the request's body.

mod driver;
mod error;
mod liveness;
mod recv;
mod send;
mod session;
mod watched;

pub use driver::{H2Driver, H2End};
pub use error::H2Error;
pub use recv::H2RecvBody;
pub use send::H2SendBody;
pub use session::{H2Limits, H2Response, H2Session};
