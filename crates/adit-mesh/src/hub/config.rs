//! What a hub is started with.

use std::{net::SocketAddr, thread};

use crate::noise::{HandshakeLimits, PrivateKey};

/// How long packets inside the mesh may be, in bytes, unless something says less: what fits into datagrams of 1500 bytes
/// over IPv6.
pub const MTU: u16 = 1420;

/// What a hub is started with.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Where it listens, UDP. Port 0 is any free one; the IPv6 wildcard takes IPv4 too.
    pub listen: SocketAddr,
    /// What it is known by.
    pub key: PrivateKey,
    /// How many threads carry packets; at least one. A member's packets stay on one thread for as long as it stays at
    /// its address, so that they stay in order. Default: half of the machine's, so that packets cannot starve
    /// everything else.
    pub threads: usize,
    /// How long packets to members may be, in bytes; at least 1280. Default [`MTU`].
    pub mtu: u16,
    /// How many handshakes are answered without a cookie, and looked at. Default: 1,000 a second, all of which may come
    /// from one address, since a whole site may be behind it.
    pub handshakes: HandshakeLimits,
}

impl HubConfig {
    /// One with defaults.
    #[must_use]
    pub fn new(listen: SocketAddr, key: PrivateKey) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let everyone = HandshakeLimits::default();
        Self {
            listen,
            key,
            threads: (cores / 2).max(1),
            mtu: MTU,
            handshakes: HandshakeLimits {
                per_address: everyone.total,
                ..everyone
            },
        }
    }
}
