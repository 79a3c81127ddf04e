//! "Are you there?" inside the tunnel: what a node asks the hub so that silence means something. WireGuard itself notices a
//! dead path only after 15 s of unanswered traffic.
//!
//! It is encrypted like a packet and is none: 16 bytes, a kind whose upper half is no version of IP, seven zeros, and a number
//! that comes back, u64 big-endian. Whoever does not know it drops it.

use bytes::{BufMut, BytesMut};

const ASK: u8 = 1;
const ANSWER: u8 = 2;
const BYTES: usize = 16;

/// A question or its answer, with the question's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    Ask(u64),
    Answer(u64),
}

impl Echo {
    pub(super) fn encode(self) -> BytesMut {
        let (kind, number) = match self {
            Self::Ask(number) => (ASK, number),
            Self::Answer(number) => (ANSWER, number),
        };
        let mut bytes = BytesMut::with_capacity(BYTES + super::OVERHEAD);
        bytes.put_u8(kind);
        bytes.put_bytes(0, 7);
        bytes.put_u64(number);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (head, number) = bytes.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        match head {
            [ASK, 0, 0, 0, 0, 0, 0, 0] => Some(Self::Ask(number)),
            [ANSWER, 0, 0, 0, 0, 0, 0, 0] => Some(Self::Answer(number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet;

    proptest! {
        #[test]
        fn an_echo_is_read_as_it_was_written_and_is_no_packet(number: u64) {
            for echo in [Echo::Ask(number), Echo::Answer(number)] {
                prop_assert_eq!(Echo::decode(&echo.encode()), Some(echo));
                prop_assert_eq!(packet::length(&echo.encode()), None);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(0u8..3, 0..40)) {
            if let Some(echo) = Echo::decode(&bytes) {
                prop_assert_eq!(echo.encode(), &bytes[..]);
            }
        }
    }
}
