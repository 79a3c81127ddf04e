//! Cap'n Proto RPC between connector and edge, on single-threaded lanes behind facades that are `Send`.
//!
//! An RPC system of `capnp-rpc` lives on one thread. [`RpcLanes`] owns a few such threads; each control stream is
//! moved onto one of them and spoken to from anywhere. The edge answers calls with [`serve_registration`], the
//! connector makes them with [`RegistrationClient`]. On QUIC either side opens further streams for one call each: made
//! with [`CallStream`], answered with [`serve_connector_calls`] and [`serve_edge_calls`]. This crate takes halves of byte
//! streams and knows no QUIC.

mod budget;
mod call;
mod client;
mod convert;
mod lanes;
mod server;
mod service;

pub use call::{CALL_TIME, CallError, CallStream};
pub use client::RegistrationClient;
pub use lanes::RpcLanes;
pub use server::{Registrar, serve_registration};
pub use service::{ConnectorService, EdgeService, serve_connector_calls, serve_edge_calls};

use capnp::message::ReaderOptions;

/// Why RPC ended before it was done.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The peer ended the stream, or the lane is gone.
    #[error("the stream has ended")]
    Ended,
    /// The peer refused a call or broke the protocol.
    #[error("{0}")]
    Peer(String),
}

impl From<capnp::Error> for RpcError {
    fn from(error: capnp::Error) -> Self {
        if error.kind == capnp::ErrorKind::Disconnected {
            return Self::Ended;
        }
        Self::Peer(error.extra.chars().take(1024).collect())
    }
}

impl From<capnp::NotInSchema> for RpcError {
    fn from(error: capnp::NotInSchema) -> Self {
        Self::Peer(error.to_string())
    }
}

/// Limits on each message read: 512 KiB in all.
fn reader_options() -> ReaderOptions {
    ReaderOptions {
        traversal_limit_in_words: Some(64 * 1024),
        nesting_limit: 16,
    }
}
