//! QUIC, HTTP/2 and TLS as Adit uses them: every limit in one place, streams that reset unless finished.
//!
//! This is the only crate that knows quinn and h2 by name. It moves bytes and knows nothing of tunnels, registration
//! or Cap'n Proto. Both sides of a tunnel are here:
//!
//! | | edge | connector |
//! |---|---|---|
//! | QUIC | [`quic::QuicListener`] | [`quic::QuicDialer`] |
//! | HTTP/2 | [`tls::TlsListener`], then [`h2::H2Session`] (the edge is the HTTP/2 *client*) | [`h2::H2Dialer`], then [`h2::H2Server`] |
//! | mesh control | [`tls::TlsListener`], then [`mesh::ControlStreams`] | [`mesh::MeshDialer`] |
//! | mesh packets where UDP is blocked | [`tls::TlsListener`] or [`quic::QuicListener`], then [`mesh::Carriers`] | [`mesh::CarrierDialer`] |
//!
//! What dials into private networks is [`private::PrivateDialer`], a port that the edge implements.
//!
//! Start with [`tls`] for the configurations, then [`quic::QuicConnection`], the transport most connectors use.
//! A stream half that is dropped before its end tells the peer so: a send half resets, a receive half asks the peer to
//! stop. Only an explicit `finish` makes a complete message.

pub mod h2;
pub mod mesh;
pub mod private;
pub mod proxy;
pub mod quic;
pub mod route;
mod socket;
pub mod tls;

pub use socket::listen_tcp;
