//! HTTP/2 between connector and edge: the edge is the *client* on the TCP connection that the connector opened.
//!
//! On the edge, [`H2Session::start`] takes an accepted [`crate::tls::TlsStream`] (no ALPN needed) and gives a handle and
//! its driver, which the caller runs. Each [`H2Session::open`] gives the response's future and the request's body.
//! On the connector, [`H2Dialer::dial`] gives an [`H2Server`], whose [`H2Server::accept`] gives the edge's requests.

mod dialer;
mod driver;
mod error;
mod liveness;
mod recv;
mod reply;
mod send;
mod server;
mod session;
mod watched;

pub use dialer::{EdgeTls, H2DialError, H2Dialer, H2Dialled};
pub use driver::{H2Driver, H2End};
pub use error::H2Error;
pub use recv::H2RecvBody;
pub use reply::H2Reply;
pub use send::H2SendBody;
pub use server::{H2Asked, H2Server, H2ServerLimits};
pub use session::{H2Limits, H2Response, H2Session};
