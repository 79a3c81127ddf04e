//! What the edge says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_model::PeerKey;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    endpoint::Endpoint,
    field::{AsText, as_text, list, maybe_text, networks, text},
    framing::direction,
    proof::Challenge,
};

/// The most prefixes of a list.
pub const MAX_PREFIXES: usize = 1000;
/// The most endpoints of the hub.
const MAX_ENDPOINTS: usize = 16;
/// The most virtual addresses of a list.
const MAX_VIPS: usize = 16;

direction! {
    /// A message of the edge to a node.
    #[expect(clippy::large_enum_variant, reason = "a peer has one of them in hand, and never a list")]
    ToNode {
        /// What an [`super::EnrolProof`] is made for; the first message.
        Nonce = "nonce",
        /// The node is not let in.
        Refused = "refused",
        /// What the node is to be from now on.
        NodeConfig = "config",
        /// What the node may do for a while.
        Lease = "lease",
        /// A beat was heard.
        BeatAck = "beat_ack",
        /// The node is no longer part of the mesh.
        Revoke = "revoke",
        /// The session ends; the node may come back.
        Closing = "closing",
    }
}

/// The edge's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonce {
    /// Drawn for this connection.
    pub nonce: Challenge,
}

/// Why a node is not let in, or its session ends with an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// For the node.
    pub code: RefusalCode,
    /// For people; at most 256 bytes.
    #[serde(deserialize_with = "text::<_, 256>")]
    pub message: String,
}

/// Why a node is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The tunnel does not exist, was deleted, or is not the account's.
    TunnelNotFound,
    /// The proof was not made with the tunnel's secret.
    BadSecret,
    /// The tunnel is no site: it is served by `cloudflared`.
    NotSite,
    /// The signature was not made with the identity.
    BadSignature,
    /// No replica of that id is linked to the site: it has to enrol.
    NotLinked,
    /// The id belongs to another host.
    TakenId,
    /// The WireGuard key belongs to another member of the mesh.
    TakenKey,
    /// The WireGuard key is none.
    WeakKey,
    /// The site has as many replicas as it may.
    TooMany,
    /// The account's range has no address left.
    NoAddress,
    /// The node broke the protocol.
    Misbehaved,
    /// Not now: the edge starts, stops, is overloaded or cannot reach its store.
    Unavailable,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}

impl RefusalCode {
    /// Whether the same attempt can succeed later without anybody's doing at the node.
    #[must_use]
    pub const fn should_retry(self) -> bool {
        match self {
            Self::Unavailable | Self::TooMany | Self::NoAddress | Self::Unknown => true,
            Self::TunnelNotFound
            | Self::BadSecret
            | Self::NotSite
            | Self::BadSignature
            | Self::NotLinked
            | Self::TakenId
            | Self::TakenKey
            | Self::WeakKey
            | Self::Misbehaved => false,
        }
    }
}

/// What a node is to be. Each replaces the one before as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfig {
    /// Rises with each change within a session.
    pub version: u64,
    /// The node's own WireGuard key, as the hub knows it.
    #[serde(with = "as_text")]
    pub key: PeerKey,
    /// Its own IPv4 address.
    pub v4: Ipv4Addr,
    /// Its own IPv6 address.
    pub v6: Ipv6Addr,
    /// The only WireGuard peer it has.
    pub hub: HubAddress,
    /// What lies behind the hub: the mesh's addresses and other sites' prefixes. At most [`MAX_PREFIXES`].
    #[serde(deserialize_with = "networks::<_, MAX_PREFIXES>")]
    pub remote: Vec<IpNet>,
    /// What lies behind the node: its own site's prefixes. At most [`MAX_PREFIXES`].
    #[serde(deserialize_with = "networks::<_, MAX_PREFIXES>")]
    pub local: Vec<IpNet>,
    /// The most bytes of a packet inside the tunnel.
    pub mtu: u16,
    /// How often it is to beat, milliseconds.
    pub beat_ms: u32,
    /// Whether another replica may take over from it, and it from another.
    #[serde(default)]
    pub ha: bool,
    /// The virtual addresses that whoever carries the site's traffic has on its tunnel's interface; at most 16.
    #[serde(default, deserialize_with = "list::<_, IpAddr, MAX_VIPS>")]
    pub vips: Vec<IpAddr>,
    /// Virtual addresses of before, to be taken away wherever they are left; at most 16.
    #[serde(default, deserialize_with = "list::<_, IpAddr, MAX_VIPS>")]
    pub vips_previous: Vec<IpAddr>,
    /// The network interface that moves to whoever carries the site's traffic, by the name that the provider has for it; at
    /// most 255 bytes.
    #[serde(default, deserialize_with = "maybe_text::<_, 255>")]
    pub fnr_id: Option<String>,
}

/// What a node may do, and for how long. Sent in answer to each beat and when it changes.
///
/// The time runs from when the node *sent* beat `seq`, not from when the lease arrives: so it ends at the node before it
/// ends at the edge, however long the lease was on its way. Without another lease the node carries nothing after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The decision that it follows from; a lease of a lower one than the newest counts for nothing.
    pub epoch: u64,
    /// Whether the node carries its site's traffic.
    pub role: Role,
    /// For how long, milliseconds.
    pub ttl_ms: u32,
    /// The newest beat of this session that the edge had heard; 0 before the first one: the time runs from when the
    /// node said who it is.
    pub seq: u64,
}

/// Whether a replica carries its site's traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It does.
    Active,
    /// Another one does, or nobody.
    #[default]
    Passive,
}

impl Role {
    /// The name on the wire and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// Where the hub is and who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubAddress {
    /// Its WireGuard key.
    #[serde(with = "as_text")]
    pub key: PeerKey,
    /// Where it is reached, best first; at most 16.
    #[serde(serialize_with = "write_endpoints", deserialize_with = "read_endpoints")]
    pub endpoints: Vec<Endpoint>,
    /// Its UDP port, for a node that is told no endpoint: at the address that it dialled this connection to.
    pub port: u16,
    /// Where carriers are taken when UDP is blocked, TLS (TCP) and QUIC (UDP) alike, best first; at most 16.
    #[serde(
        default,
        serialize_with = "write_endpoints",
        deserialize_with = "read_endpoints"
    )]
    pub carriers: Vec<Endpoint>,
    /// Their port, for a node that is told no such endpoint: at the hub's addresses. Without either there are none.
    #[serde(default)]
    pub carrier_port: Option<u16>,
}

fn write_endpoints<S: Serializer>(endpoints: &[Endpoint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(endpoints.iter().map(AsText))
}

fn read_endpoints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let endpoints = list::<D, AsText<Endpoint>, MAX_ENDPOINTS>(deserializer)?;
    Ok(endpoints.into_iter().map(|endpoint| endpoint.0).collect())
}

/// A beat was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatAck {
    /// Which one.
    pub seq: u64,
}

/// The node is no longer part of the mesh: its key is worth nothing. It may enrol anew if it has a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    /// Why, for people; at most 256 bytes.
    #[serde(deserialize_with = "text::<_, 256>")]
    pub reason: String,
}

/// The session ends. What the node was configured with stays good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub reason: ClosingReason,
    /// When it may come back, milliseconds from now.
    pub back_in_ms: u32,
}

/// Why a session ends that nobody broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosingReason {
    /// The edge stops.
    Stopping,
    /// A newer connection of the same replica took its place.
    Replaced,
    /// Somebody asked for it by the API.
    Evicted,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}
