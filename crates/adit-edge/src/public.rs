//! Where public traffic enters: listener, request, answer.

mod access_log;
mod admission;
mod body;
mod exchange;
mod forwarded;
mod http1;
mod http2;
mod listener;
mod management;
mod page;
mod request;
mod response;
mod service;
mod taken;
mod websocket;

pub(crate) use listener::{Entrance, serve};

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;

use crate::context::Context;

/// What public clients may take up.
#[derive(Debug, Clone)]
pub struct PublicLimits {
    /// The largest request head, bytes. Default 64 KiB; at least 8 KiB. A larger one gets 431.
    pub max_header_bytes: usize,
    /// The most header fields of a request. Default 200. More get 431.
    pub max_headers: usize,
    /// The most connections open at once per listener. Default 16,384. More wait in the system's queue. One address (one
    /// network of 64 bits) that is no proxy gets half of them; its further ones are closed.
    pub max_connections: usize,
    /// How long a client may take over a request's head, and a kept-alive connection may wait for the next one.
    /// Default 2 min. A client that sends nothing of an announced body, or takes nothing of an answer, for as long is
    /// let go. A body that moves has no time limit, and an origin may be silent for ever.
    pub idle_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether `Cf-Access-Jwt-Assertion` of those proxies goes on to origins; of others it never does. Default no.
    pub pass_access_jwt: bool,
}

impl Default for PublicLimits {
    fn default() -> Self {
        Self {
            max_header_bytes: 64 * 1024,
            max_headers: 200,
            max_connections: 16_384,
            idle_timeout: Duration::from_secs(120),
            trusted_proxies: Vec::new(),
            pass_access_jwt: false,
        }
    }
}

/// The scheme a client used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// On which ways a client may reach the management host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entered {
    /// In the clear: on none, since its requests hold tokens.
    Plainly,
    /// Over TLS for that very name, or for none.
    ForManagement,
    /// Over TLS for another name.
    ForAnother,
}

/// A client's connection.
#[derive(Debug, Clone, Copy)]
struct Peer {
    address: SocketAddr,
    scheme: Scheme,
    entered: Entered,
}

/// What every client's connection shares.
#[derive(Clone)]
struct Shared {
    context: Arc<Context>,
    limits: Arc<PublicLimits>,
}
