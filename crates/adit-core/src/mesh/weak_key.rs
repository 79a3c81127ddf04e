//! Public keys that are none.

use adit_model::PeerKey;

/// A key that anybody can agree on a secret with: X25519 with it gives zeros, whatever the other key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable WireGuard key")]
pub struct WeakKey;

/// The points of small order of Curve25519 as X25519 reads them, which is without the highest bit: zero, one, two of
/// order eight, and p - 1, p and p + 1 with p = 2^255 - 19.
/// Source: RFC 7748, sections 5 and 6.1, which has implementations check for the zeros that they lead to.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with(1, 0, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    with(0xec, 0xff, 0x7f),
    with(0xed, 0xff, 0x7f),
    with(0xee, 0xff, 0x7f),
];

const fn with(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut key = [between; 32];
    key[0] = first;
    key[31] = last;
    key
}

/// Whether a key can be a member's.
///
/// # Errors
/// [`WeakKey`] if it cannot.
pub fn check_key(key: PeerKey) -> Result<(), WeakKey> {
    let mut read = *key.as_bytes();
    read[31] &= 0x7f;
    if SMALL_ORDER.contains(&read) {
        Err(WeakKey)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_point_of_small_order_is_no_key_with_the_highest_bit_or_without() {
        for point in SMALL_ORDER {
            let mut high = point;
            high[31] |= 0x80;
            for bytes in [point, high] {
                assert_eq!(
                    check_key(PeerKey::from_bytes(bytes)),
                    Err(WeakKey),
                    "{bytes:02x?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_other_key_will_do(bytes: [u8; 32]) {
            prop_assert_eq!(check_key(PeerKey::from_bytes(bytes)), Ok(()));
        }
    }
}
