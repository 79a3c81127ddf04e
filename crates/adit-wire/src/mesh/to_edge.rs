//! What a node says.

use adit_model::{AccountId, ConnectorId, IdentityKey, PeerKey, TunnelId, TunnelKey};
use serde::{Deserialize, Serialize};

use super::{
    field::{as_text, text, texts},
    framing::direction,
    identity::IdentitySignature,
    proof::EnrolProof,
    to_node::Role,
};

direction! {
    /// A message of a node to the edge.
    ToEdge {
        /// It asks to be linked to a site, with the tunnel token.
        Enrol = "enrol",
        /// It is linked already and comes back.
        Hello = "hello",
        /// It tells what became of a configuration.
        ConfigAck = "config_ack",
        /// It lives.
        Beat = "beat",
        /// It changes its WireGuard key.
        KeyUpdate = "key_update",
        /// Another replica is to take over.
        Drain = "drain",
        /// It may carry its site's traffic again.
        Resume = "resume",
        /// It did what a lease asked for.
        RoleAck = "role_ack",
    }
}

/// Asks to be linked to a site. Whoever holds the tunnel token can prove it; the identity's signature shows besides that no
/// other holder of the token takes the identity of a replica whose public key it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// Whose site.
    pub account: AccountId,
    /// The site.
    pub tunnel: TunnelId,
    /// The node's own id, which it keeps.
    pub connector: ConnectorId,
    /// What it will prove itself with from now on.
    #[serde(with = "as_text")]
    pub identity: IdentityKey,
    /// What its packets are to be encrypted for.
    #[serde(with = "as_text")]
    pub key: PeerKey,
    /// Made with the tunnel's secret.
    pub proof: EnrolProof,
    /// Made with the identity.
    pub signature: IdentitySignature,
    /// What runs there.
    pub host: HostInfo,
}

impl Enrol {
    /// The site, by its whole name.
    #[must_use]
    pub const fn site(&self) -> TunnelKey {
        TunnelKey {
            account: self.account,
            tunnel: self.tunnel,
        }
    }
}

/// Comes back as a replica that is linked already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Whose site.
    pub account: AccountId,
    /// The site.
    pub tunnel: TunnelId,
    /// Under which id it enrolled.
    pub connector: ConnectorId,
    /// What its packets are to be encrypted for; may differ from what the edge knows, since it may have changed while the
    /// node was away.
    #[serde(with = "as_text")]
    pub key: PeerKey,
    /// Made with the identity that it enrolled with.
    pub signature: IdentitySignature,
    /// What runs there.
    pub host: HostInfo,
}

impl Hello {
    /// The site, by its whole name.
    #[must_use]
    pub const fn site(&self) -> TunnelKey {
        TunnelKey {
            account: self.account,
            tunnel: self.tunnel,
        }
    }
}

/// The priority of a node that tells none.
pub const USUAL_PRIORITY: u32 = 100;

/// What runs a node. Texts are the node's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInfo {
    /// The host's name; at most 255 bytes.
    #[serde(deserialize_with = "text::<_, 255>")]
    pub hostname: String,
    /// The operating system, such as `linux`; at most 64 bytes.
    #[serde(deserialize_with = "text::<_, 64>")]
    pub os: String,
    /// The processor, such as `amd64`; at most 64 bytes.
    #[serde(deserialize_with = "text::<_, 64>")]
    pub arch: String,
    /// The node's version; at most 64 bytes.
    #[serde(deserialize_with = "text::<_, 64>")]
    pub version: String,
    /// What it can do; at most 32 entries of at most 64 bytes.
    #[serde(default, deserialize_with = "texts::<_, 32, 64>")]
    pub features: Vec<String>,
    /// Of replicas that can all carry their site's traffic, the one with the highest is chosen. Usually
    /// [`USUAL_PRIORITY`].
    #[serde(default = "usual_priority")]
    pub priority: u32,
}

const fn usual_priority() -> u32 {
    USUAL_PRIORITY
}

impl Default for HostInfo {
    fn default() -> Self {
        Self {
            hostname: String::new(),
            os: String::new(),
            arch: String::new(),
            version: String::new(),
            features: Vec::new(),
            priority: USUAL_PRIORITY,
        }
    }
}

/// What became of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigAck {
    /// Which one.
    pub version: u64,
    /// Whether the host now is as it says.
    pub applied: bool,
    /// What did not work, for people; at most 16 entries of at most 512 bytes.
    #[serde(default, deserialize_with = "texts::<_, 16, 512>")]
    pub errors: Vec<String>,
}

/// Sent every [`super::NodeConfig::beat_ms`], answered by [`super::BeatAck`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Rises with each.
    pub seq: u64,
    /// How the node fares.
    pub report: Report,
    /// The newest epoch that it was told by a [`super::Lease`]; 0 before the first.
    #[serde(default)]
    pub epoch: u64,
    /// Whether it does carry its site's traffic now.
    #[serde(default)]
    pub role: Role,
    /// Whether its site's network is well.
    #[serde(default)]
    pub lan: LanHealth,
}

/// How a node's own network fares. A node that looks after nothing there calls it well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanHealth {
    /// Whether packets of its site get through there.
    pub well: bool,
    /// What is wrong, for people; at most 8 entries of at most 256 bytes.
    #[serde(default, deserialize_with = "texts::<_, 8, 256>")]
    pub problems: Vec<String>,
}

impl Default for LanHealth {
    fn default() -> Self {
        Self {
            well: true,
            problems: Vec::new(),
        }
    }
}

/// How a node fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The control connection's round trip, if one was measured, in milliseconds.
    #[serde(default)]
    pub rtt_ms: Option<u32>,
    /// Since the last WireGuard handshake with the hub, in milliseconds; nothing before the first.
    #[serde(default)]
    pub handshake_age_ms: Option<u64>,
    /// How long packets to it may be, in bytes, if it found a way to the hub that takes less than usual.
    #[serde(default)]
    pub mtu: Option<u16>,
    /// Bytes of packets that the hub sent and the node took, since its start.
    #[serde(default)]
    pub received_bytes: u64,
    /// Bytes of packets that it sent to the hub.
    #[serde(default)]
    pub sent_bytes: u64,
}

/// Changes the WireGuard key. The edge takes packets under either key for five minutes; the next
/// [`super::NodeConfig`] names the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUpdate {
    /// The new one.
    #[serde(with = "as_text")]
    pub key: PeerKey,
}

/// The node asks that another replica take over, because it is about to stop or is worked on. It stays passive for as
/// long as another one is there, until it says [`Resume`]; told anew in each session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Why, for people; at most 256 bytes.
    #[serde(deserialize_with = "text::<_, 256>")]
    pub reason: String,
}

/// The node no longer asks that another replica take over. What moved does not move back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {}

/// The node has become what a [`super::Lease`] of a new epoch or role made it, or has tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAck {
    /// Of which decision.
    pub epoch: u64,
    /// What it is now.
    pub role: Role,
    /// What did not work, for people; at most 16 entries of at most 512 bytes. It has the role all the same.
    #[serde(default, deserialize_with = "texts::<_, 16, 512>")]
    pub errors: Vec<String>,
}
