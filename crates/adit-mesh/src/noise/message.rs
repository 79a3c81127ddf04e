//! What the first bytes of a WireGuard message say. Source: the whitepaper, section 5.4.

use bytes::BytesMut;

/// What a packet grows by inside WireGuard, in bytes: 16 of header, 16 of tag. UDP and IP come on top.
pub const OVERHEAD: usize = 32;

const INITIATION_BYTES: usize = 148;
const RESPONSE_BYTES: usize = 92;
const COOKIE_BYTES: usize = 64;

/// The four messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Initiation,
    Response,
    Cookie,
    Data,
}

impl Kind {
    /// What this datagram can be by its type and length; `None` if it is no message.
    pub(super) fn of(datagram: &[u8]) -> Option<Self> {
        match (datagram.first_chunk::<4>()?, datagram.len()) {
            ([1, 0, 0, 0], INITIATION_BYTES) => Some(Self::Initiation),
            ([2, 0, 0, 0], RESPONSE_BYTES) => Some(Self::Response),
            ([3, 0, 0, 0], COOKIE_BYTES) => Some(Self::Cookie),
            ([4, 0, 0, 0], OVERHEAD..) => Some(Self::Data),
            _ => None,
        }
    }

    /// Whether it belongs to a handshake that costs its receiver public-key operations.
    pub(super) fn is_handshake(self) -> bool {
        matches!(self, Self::Initiation | Self::Response)
    }
}

/// The index that the receiver gave itself, in every message but the first.
pub(super) fn receiver_index(kind: Kind, datagram: &[u8]) -> Option<u32> {
    match kind {
        Kind::Initiation => None,
        Kind::Response => index_at(datagram, 8),
        Kind::Cookie | Kind::Data => index_at(datagram, 4),
    }
}

/// The index that the sender of a handshake message gave itself.
pub(super) fn sender_index(datagram: &[u8]) -> Option<u32> {
    match Kind::of(datagram)? {
        Kind::Initiation | Kind::Response => index_at(datagram, 4),
        Kind::Cookie | Kind::Data => None,
    }
}

fn index_at(datagram: &[u8], at: usize) -> Option<u32> {
    let bytes = datagram.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// A message whose shape is right and, if it is of a handshake, whose sender knows our key and is within the limits.
/// Only its peer can say whether it is authentic.
#[derive(Debug)]
pub struct Verified {
    pub(super) kind: Kind,
    pub(super) bytes: BytesMut,
}

impl Verified {
    /// Whether it carries a packet or a keep-alive.
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.kind == Kind::Data
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_datagram_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(kind) = Kind::of(&bytes) {
                prop_assert_eq!(receiver_index(kind, &bytes).is_none(), kind == Kind::Initiation);
            }
            let _ = sender_index(&bytes);
        }

        #[test]
        fn a_message_of_another_length_is_none(kind in 1u8..4, length in 4usize..200) {
            let mut bytes = vec![0; length];
            bytes[0] = kind;
            let right = [INITIATION_BYTES, RESPONSE_BYTES, COOKIE_BYTES][usize::from(kind) - 1];
            prop_assert_eq!(Kind::of(&bytes).is_some(), length == right);
        }
    }
}
