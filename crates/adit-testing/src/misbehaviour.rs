//! A catalogue of bad peers: what each does to a running Adit, and what it may see in return.
//!
//! Each [`Misbehaviour`] runs against a [`Target`], which is any server with two tunnels, and tells what it has seen;
//! it knows nothing of the server's memory and asserts nothing, so that tests and measurements share it. Start with
//! [`catalogue`].

mod answers;
mod frame;
mod frames;
mod heads;
mod hpack;
mod message;
mod names;
mod quic;
mod raw;
mod registration;
mod rpc;
mod session;
mod slow;
mod smuggling;
mod table;
mod tls;

use std::{collections::BTreeSet, fmt, net::SocketAddr, pin::Pin, time::Duration};

use adit_model::TunnelKey;
use adit_net::tls::TrustAnchors;
use adit_wire::TunnelToken;

pub use table::table;

/// A server to misbehave at.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where connectors dial in.
    pub edge: SocketAddr,
    /// Public HTTP.
    pub http: SocketAddr,
    /// Public HTTPS.
    pub https: SocketAddr,
    /// Whom to trust on both.
    pub anchors: TrustAnchors,
    /// A public host name that a good connector serves, with [`crate::origin::Origin`] behind it.
    pub host: String,
    /// The tunnel that a bad connector registers for; it has no other connector.
    pub own: TunnelToken,
    /// A public host name that leads there.
    pub own_host: String,
    /// A tunnel that is none of the bad connector's business.
    pub foreign: TunnelKey,
    /// The server's `http.idle_timeout`: how long a client that does nothing is borne.
    pub patience: Duration,
    /// How much of everything: 1 for a test, more for a longer one.
    pub scale: usize,
}

/// What a peer sees of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// An HTTP answer with this status.
    Status(u16),
    /// An answer that broke off.
    CutShort,
    /// The connection was ended without a word.
    Closed,
    /// The TLS handshake was refused.
    Alert,
    /// The HTTP/2 stream was reset with this code.
    Reset(u32),
    /// The HTTP/2 session was ended with this code.
    GoAway(u32),
    /// The QUIC connection was closed with this code of the application.
    QuicClosed(u64),
    /// The QUIC connection was ended by the transport.
    QuicFailed,
    /// A registration was accepted.
    Registered,
    /// A registration was refused; whether the connector may try again.
    Refused {
        /// It may.
        retry: bool,
    },
    /// A call was answered with an exception.
    CallFailed,
    /// No answer; the peer left by itself.
    Silence,
    /// What should have stayed inside got out, or a forged value in. Never an outcome of the catalogue.
    Leak,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::CutShort => f.write_str("answer cut short"),
            Self::Closed => f.write_str("closed"),
            Self::Alert => f.write_str("TLS alert"),
            Self::Reset(code) => write!(f, "RST_STREAM {code}"),
            Self::GoAway(code) => write!(f, "GOAWAY {code}"),
            Self::QuicClosed(code) => write!(f, "CONNECTION_CLOSE {code}"),
            Self::QuicFailed => f.write_str("QUIC error"),
            Self::Registered => f.write_str("registered"),
            Self::Refused { retry: true } => f.write_str("refused, may retry"),
            Self::Refused { retry: false } => f.write_str("refused for good"),
            Self::CallFailed => f.write_str("RPC exception"),
            Self::Silence => f.write_str("no answer"),
            Self::Leak => f.write_str("LEAK"),
        }
    }
}

/// Everything that a peer saw, each once.
pub type Sight = BTreeSet<Seen>;

/// A running misbehaviour.
pub(crate) type Running<'t> = Pin<Box<dyn Future<Output = Sight> + Send + 't>>;

/// Who misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A public client.
    Client,
    /// What dials the connectors' port.
    Connector,
}

/// One way to misbehave.
pub struct Misbehaviour {
    /// Its name, by which tests, measurements and documents know it.
    pub name: &'static str,
    /// Who does it.
    pub peer: Peer,
    /// What the peer does.
    pub does: &'static str,
    /// All that it may see. At least one of them it does see.
    pub outcome: &'static [Seen],
    /// What keeps it from hurting anyone.
    pub bound: &'static str,
    run: for<'t> fn(&'t Target) -> Running<'t>,
}

impl Misbehaviour {
    /// How long one may take at scale 1.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// Misbehaves, and tells what it saw. Whatever it holds open is closed at the end.
    ///
    /// # Panics
    /// When it takes longer than [`Misbehaviour::LIMIT`] times the scale, or the target serves nothing at all.
    pub async fn run(&self, target: &Target) -> Sight {
        let limit = Self::LIMIT * u32::try_from(target.scale).unwrap_or(u32::MAX);
        match tokio::time::timeout(limit, (self.run)(target)).await {
            Ok(seen) => seen,
            Err(_) => panic!("{} had no end within {limit:?}", self.name),
        }
    }

    /// Whether that is what it should see.
    #[must_use]
    pub fn is_outcome(&self, seen: &Sight) -> bool {
        !seen.is_empty() && seen.iter().all(|seen| self.outcome.contains(seen))
    }
}

impl fmt::Debug for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A family of misbehaviours: its name, and what is in it.
pub type Family = (&'static str, &'static [Misbehaviour]);

/// All families.
pub const FAMILIES: &[Family] = &[
    ("heads", heads::ALL),
    ("smuggling", smuggling::ALL),
    ("names", names::ALL),
    ("slow", slow::ALL),
    ("tls", tls::ALL),
    ("frames", frames::ALL),
    ("hpack", hpack::ALL),
    ("quic", quic::ALL),
    ("registration", registration::ALL),
    ("rpc", rpc::ALL),
    ("session", session::ALL),
    ("answers", answers::ALL),
];

/// Every misbehaviour there is.
pub fn catalogue() -> impl Iterator<Item = &'static Misbehaviour> {
    FAMILIES.iter().flat_map(|(_, members)| members.iter())
}
