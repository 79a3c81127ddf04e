//! Numbers in a peer's bytes, and the checksum of the internet protocols.
//!
//! Source: RFC 1071, and RFC 1624 for a sum whose bytes change.

/// So many bytes at a place.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A byte at a place.
pub(crate) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// A number of 16 bits at a place.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Puts bytes at a place; false if there is none.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> bool {
    let place = at.checked_add(value.len()).and_then(|end| bytes.get_mut(at..end));
    match place {
        Some(place) => {
            place.copy_from_slice(value);
            true
        }
        None => false,
    }
}

/// A sum of numbers of 16 bits, made piece by piece.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Adds bytes. Only the last ones may be odd in number.
    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        let (pairs, rest) = bytes.as_chunks::<2>();
        for pair in pairs {
            self.0 += u64::from(u16::from_be_bytes(*pair));
        }
        if let [last] = rest {
            self.0 += u64::from(u16::from_be_bytes([*last, 0]));
        }
        self
    }

    /// Adds a number.
    pub(crate) fn plus(self, number: u16) -> Self {
        Self(self.0 + u64::from(number))
    }

    /// The checksum. 0 over bytes that hold their own, right one.
    pub(crate) fn checksum(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

/// The checksum after a number among what it covers has changed.
pub(crate) fn changed(checksum: u16, before: u16, after: u16) -> u16 {
    Sum::default()
        .plus(!checksum)
        .plus(!before)
        .plus(after)
        .checksum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_with_its_checksum_is_zero(mut bytes in prop::collection::vec(any::<u8>(), 2..100)) {
            put(&mut bytes, 0, &[0, 0]);
            let sum = Sum::default().add(&bytes).checksum();
            put(&mut bytes, 0, &sum.to_be_bytes());
            prop_assert_eq!(Sum::default().add(&bytes).checksum(), 0);
        }

        #[test]
        fn a_changed_number_changes_the_checksum_as_if_all_were_summed(
            mut bytes in prop::collection::vec(1_u8.., 8..60),
            after: u16,
        ) {
            let sum = Sum::default().add(&bytes).checksum();
            let before = number(&bytes, 4).unwrap();
            put(&mut bytes, 4, &after.to_be_bytes());
            prop_assert_eq!(changed(sum, before, after), Sum::default().add(&bytes).checksum());
        }
    }
}
