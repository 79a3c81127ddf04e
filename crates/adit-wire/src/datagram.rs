//! Datagrams of a QUIC connection between edge and connector: UDP sessions and ICMP.
//!
//! Two formats are in use, [`v2`] and [`v3`]. A connector says which one it speaks when it registers
//! ([`Version::of_features`]); the bytes do not tell. In each, what an edge sends and what a connector sends are types
//! of their own, so that nothing goes the wrong way.
//!
//! A decoded payload is a slice of the datagram and is not copied. To encode copies it once, since a datagram is one
//! piece of memory.

mod cut;
pub mod v2;
pub mod v3;

use cut::Cut;

/// The feature with which a connector announces [`v3`].
pub const V3_FEATURE: &str = "support_datagram_v3_2";
/// The largest UDP payload that a session carries, bytes. Connectors drop what is larger.
/// Source: cloudflare/cloudflared: datagramsession/session.go and quic/v3/datagram.go.
pub const MAX_PAYLOAD_BYTES: usize = 1280;
/// The largest IP packet that is carried, bytes.
pub const MAX_PACKET_BYTES: usize = 1280;

/// The format that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// [`v2`]; sessions are registered by RPC.
    V2,
    /// [`v3`]; sessions are registered by datagram.
    V3,
}

impl Version {
    /// What a connector with these features speaks.
    #[must_use]
    pub fn of_features(features: &[String]) -> Self {
        if features.iter().any(|feature| feature == V3_FEATURE) {
            Self::V3
        } else {
            Self::V2
        }
    }
}

/// Why a datagram is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// Fewer bytes than its kind needs.
    #[error("the datagram is too short")]
    Short,
    /// More bytes than its kind may have.
    #[error("the datagram is too long")]
    Long,
    /// A kind that nobody sends this way.
    #[error("a datagram of kind {0} does not go this way")]
    Kind(u8),
    /// A text that is no UTF-8.
    #[error("the datagram's text is not UTF-8")]
    Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_speaks_v3_only_if_it_says_so() {
        let features = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(Version::of_features(&[]), Version::V2);
        let old = features(&[
            "support_datagram_v2",
            "support_datagram_v3",
            "support_datagram_v3_1",
        ]);
        assert_eq!(Version::of_features(&old), Version::V2);
        let new = features(&["support_datagram_v2", "support_datagram_v3_2"]);
        assert_eq!(Version::of_features(&new), Version::V3);
    }
}
