//! Our own end: the key, and who may cost us a handshake.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::client_address::network_of;
use adit_model::PeerKey;
use bytes::BytesMut;
use gotatun::{
    noise::{
        TunnResult, errors::WireGuardError, handshake::parse_handshake_anon, index_table::IndexTable,
        rate_limiter::RateLimiter,
    },
    packet::{Packet, WgKind},
    x25519,
};
use parking_lot::Mutex;

use super::{
    PrivateKey, Rejected, Verified,
    message::{Kind, receiver_index},
};

/// How many handshake messages are answered without a cookie. Beyond, the sender gets one and has to show with the
/// next that it receives at the address that it sends from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// From one address, in a second.
    pub per_address: u32,
    /// From everyone, in a second.
    pub total: u32,
    /// How many are taken from senders that have shown a cookie, in a second; of them, no more than `per_address` from
    /// one address. What comes beyond is dropped: each costs a public-key operation.
    pub proven: u32,
    /// How many are looked at at all, in a second. What comes beyond is dropped unread.
    pub examined: u32,
}

impl Default for HandshakeLimits {
    /// 100 from an address, 1,000 from everyone, 4,000 with cookies, 100,000 looked at.
    fn default() -> Self {
        Self {
            per_address: 100,
            total: 1_000,
            proven: 4_000,
            examined: 100_000,
        }
    }
}

/// What arrived, before anyone authenticated it.
#[derive(Debug)]
pub enum Incoming {
    /// A handshake by someone who says that this is its key.
    Initiation {
        /// The key. That the sender holds it is not proven yet; it may be a replay.
        from: PeerKey,
        /// For the peer of that key.
        message: Verified,
    },
    /// For a session or a handshake of ours.
    Indexed {
        /// The index that we gave it.
        index: u32,
        /// For the peer of that index.
        message: Verified,
    },
    /// A handshake too many: this goes back to whoever sent it.
    Challenge(BytesMut),
}

/// Our end of the mesh, shared by all its peers.
pub struct Host {
    private: PrivateKey,
    secret: x25519::StaticSecret,
    public: x25519::PublicKey,
    indices: IndexTable,
    limits: HandshakeLimits,
    /// Asks single addresses for cookies.
    calm: Arc<RateLimiter>,
    /// Asks everyone.
    loaded: RateLimiter,
    load: Mutex<Load>,
}

/// Handshake messages of this second and of the one before.
struct Load {
    since: Instant,
    examined: u32,
    honest: u32,
    was_over: bool,
    /// Those that have shown a cookie while everyone had to, and how many came from each network.
    proven: u32,
    proven_from: HashMap<IpAddr, u32>,
}

impl Host {
    /// The end that holds this key.
    #[must_use]
    pub fn new(private: PrivateKey, limits: HandshakeLimits, now: Instant) -> Self {
        let secret = private.secret();
        let public = x25519::PublicKey::from(&secret);
        Self {
            private,
            secret,
            public,
            indices: IndexTable::from_os_rng(),
            limits,
            calm: Arc::new(RateLimiter::new(&public, limits.per_address.into())),
            loaded: RateLimiter::new(&public, 0),
            load: Mutex::new(Load {
                since: now,
                examined: 0,
                honest: 0,
                was_over: false,
                proven: 0,
                proven_from: HashMap::new(),
            }),
        }
    }

    /// This end with another key: its sessions have their indices in common, so that both can go on beside each other.
    #[must_use]
    pub fn with_key(&self, private: PrivateKey, now: Instant) -> Self {
        Self {
            indices: self.indices.clone(),
            ..Self::new(private, self.limits, now)
        }
    }

    /// What peers know this end by.
    #[must_use]
    pub fn public(&self) -> PeerKey {
        PeerKey::from_bytes(self.public.to_bytes())
    }

    /// Says whose an arrived datagram claims to be. Data costs nothing here; a handshake message costs a hash, and an
    /// initiation one public-key operation once it is within the limits.
    ///
    /// # Errors
    /// Says why it has to be dropped.
    pub fn classify(&self, from: SocketAddr, datagram: &[u8], now: Instant) -> Result<Incoming, Rejected> {
        let kind = Kind::of(datagram).ok_or(Rejected::Malformed)?;
        let bytes = BytesMut::from(datagram);
        if !kind.is_handshake() {
            let index = receiver_index(kind, datagram).ok_or(Rejected::Malformed)?;
            return Ok(Incoming::Indexed {
                index,
                message: Verified { kind, bytes },
            });
        }
        match self.verify(from, bytes, now)? {
            WgKind::HandshakeInit(initiation) => {
                let half = parse_handshake_anon(&self.secret, &self.public, &initiation)
                    .map_err(|_| Rejected::Forged)?;
                let bytes = std::mem::take(initiation.into_bytes().buf_mut());
                let from = PeerKey::from_bytes(half.peer_static_public);
                Ok(Incoming::Initiation {
                    from,
                    message: Verified { kind, bytes },
                })
            }
            WgKind::CookieReply(challenge) => Ok(Incoming::Challenge(std::mem::take(
                challenge.into_bytes().buf_mut(),
            ))),
            WgKind::HandshakeResp(response) => {
                let bytes = std::mem::take(response.into_bytes().buf_mut());
                let index = receiver_index(kind, &bytes).ok_or(Rejected::Malformed)?;
                Ok(Incoming::Indexed {
                    index,
                    message: Verified { kind, bytes },
                })
            }
            WgKind::Data(_) => Err(Rejected::Malformed),
        }
    }

    /// Time has passed: counts of handshakes begin anew each second.
    pub fn tick(&self, now: Instant) {
        self.load.lock().turn(now, self.limits.total);
        self.calm.try_reset_count();
        self.loaded.try_reset_count();
    }

    /// Whether this index still belongs to a session or a handshake.
    pub(super) fn uses(&self, index: u32) -> bool {
        self.indices.in_use(index)
    }

    pub(super) fn private(&self) -> &PrivateKey {
        &self.private
    }

    pub(super) fn indices(&self) -> &IndexTable {
        &self.indices
    }

    pub(super) fn limiter(&self) -> Arc<RateLimiter> {
        Arc::clone(&self.calm)
    }

    /// The handshake message if its sender may go on; a cookie for it otherwise.
    fn verify(&self, from: SocketAddr, bytes: BytesMut, now: Instant) -> Result<WgKind, Rejected> {
        let is_loaded = {
            let mut load = self.load.lock();
            load.turn(now, self.limits.total);
            load.examined = load.examined.saturating_add(1);
            if load.examined > self.limits.examined {
                return Err(Rejected::Flood);
            }
            load.was_over || load.honest >= self.limits.total
        };
        let limiter = if is_loaded { &self.loaded } else { &*self.calm };
        let verdict = limiter.verify_packet(from, Packet::from_bytes(bytes));
        if !matches!(verdict, Err(TunnResult::Err(_))) {
            // Only who knows our key can make everyone need a cookie.
            let mut load = self.load.lock();
            load.honest = load.honest.saturating_add(1);
            if is_loaded && verdict.is_ok() && !load.takes_proven(from.ip(), &self.limits) {
                return Err(Rejected::Flood);
            }
        }
        match verdict {
            Ok(message) => Ok(message),
            Err(TunnResult::WriteToNetwork(challenge)) => Ok(challenge),
            Err(TunnResult::Err(WireGuardError::InvalidMac)) => Err(Rejected::ForeignKey),
            Err(TunnResult::Err(_) | TunnResult::Done | TunnResult::WriteToTunnel(_)) => {
                Err(Rejected::Malformed)
            }
        }
    }
}

impl Load {
    fn turn(&mut self, now: Instant, limit: u32) {
        let passed = now.saturating_duration_since(self.since);
        if passed < Duration::from_secs(1) {
            return;
        }
        *self = Self {
            since: now,
            examined: 0,
            honest: 0,
            was_over: self.honest > limit && passed < Duration::from_secs(2),
            proven: 0,
            proven_from: HashMap::new(),
        };
    }

    /// Whether one more may be that has shown a cookie. What is remembered is bounded: an address for each that may be.
    fn takes_proven(&mut self, from: IpAddr, limits: &HandshakeLimits) -> bool {
        if self.proven >= limits.proven {
            return false;
        }
        let count = self.proven_from.entry(network_of(from)).or_default();
        if *count >= limits.per_address {
            return false;
        }
        *count += 1;
        self.proven += 1;
        true
    }
}
