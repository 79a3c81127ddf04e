//! The control connection of the mesh: what a node and the edge say to each other beside the packets.
//!
//! One TLS 1.3 connection over TCP to the edge's dial-in port with ALPN [`ALPN`]. Each message is its length as u32
//! big-endian, at most [`MAX_MESSAGE_BYTES`], and a JSON object with a `type`.
//!
//! 1. The edge speaks first: [`Nonce`].
//! 2. The node enrols with the tunnel token ([`Enrol`]) or comes back with its identity key ([`Hello`]).
//! 3. The edge refuses ([`Refused`]) or sends the first [`NodeConfig`], which is the acceptance. Each later one replaces the
//!    one before as a whole; the node tells by [`ConfigAck`] how it went.
//! 4. The node beats ([`Beat`]); the edge answers each ([`BeatAck`]), so that both notice a silent link.
//! 5. Whether the node carries its site's traffic, and for how long, is told by a [`Lease`]: after each beat and whenever it
//!    changes. The node tells by [`RoleAck`] when it has become that.
//!
//! Fields that a side does not know are skipped. So is a message of a type that it does not know, unless the message has
//! `"critical": true`: then it is an error, because its sender needs it to be understood.
//!
//! Start with [`ToEdge`] and [`ToNode`], [`encode`] and [`Decoder`]. Where UDP is blocked, packets travel as
//! [`CarrierClaim`] and what follows it tell.

mod carrier;
mod endpoint;
mod field;
mod framing;
mod identity;
mod proof;
mod to_edge;
mod to_node;

pub use carrier::{
    CARRIER_ALPN, CARRIER_EXPORTER_LABEL, CarrierAnswer, CarrierClaim, FrameError, MAX_CLAIM_BYTES,
    MAX_FRAME_BYTES, put_first, put_frame, take_first, take_frame,
};
pub use endpoint::{Endpoint, EndpointError};
pub use framing::{Decoder, MAX_MESSAGE_BYTES, MeshError, Message, encode};
pub use identity::{IdentityPair, IdentitySignature};
pub use proof::{Challenge, EnrolProof, Exporter, NoRandomness};
pub use to_edge::{
    Beat, ConfigAck, Drain, Enrol, Hello, HostInfo, KeyUpdate, LanHealth, Report, Resume, RoleAck, ToEdge,
    USUAL_PRIORITY,
};
pub use to_node::{
    BeatAck, Closing, ClosingReason, HubAddress, Lease, MAX_PREFIXES, NodeConfig, Nonce, RefusalCode,
    Refused, Revoke, Role, ToNode,
};

/// What both sides agree on in the TLS handshake.
pub const ALPN: &[u8] = b"adit-mesh/1";
/// The label under which both sides export 32 bytes of keying material, without a context.
pub const EXPORTER_LABEL: &[u8] = b"adit mesh enrol";

#[cfg(test)]
mod tests;
