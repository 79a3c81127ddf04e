//! The internet checksum. Source: RFC 1071.

/// A sum that is on its way to a checksum. It is kept in the machine's byte order, which RFC 1071 (section 2, B) allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Adds these bytes. Only the last that are added may be odd in number.
    #[must_use]
    pub fn over(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        // 2^32 words would have to be added before this overflows.
        let mut sum = words
            .iter()
            .map(|word| u64::from(u32::from_ne_bytes(*word)))
            .sum::<u64>();
        let (halves, odd) = rest.as_chunks::<2>();
        for half in halves {
            sum += u64::from(u16::from_ne_bytes(*half));
        }
        if let [odd] = odd {
            sum += u64::from(u16::from_ne_bytes([*odd, 0]));
        }
        self.join(Self(sum))
    }

    /// Adds a number of 16 bits.
    #[must_use]
    pub fn add_u16(self, number: u16) -> Self {
        self.join(Self(u16::from_ne_bytes(number.to_be_bytes()).into()))
    }

    /// Adds what another sum has added.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let (sum, carried) = self.0.overflowing_add(other.0);
        Self(sum + u64::from(carried))
    }

    /// The sum in 16 bits, as it stands in a packet whose checksum someone else completes.
    #[must_use]
    pub fn partial(self) -> [u8; 2] {
        let mut sum = self.0;
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        u16::try_from(sum & 0xffff).unwrap_or_default().to_ne_bytes()
    }

    /// The checksum.
    #[must_use]
    pub fn checksum(self) -> [u8; 2] {
        self.partial().map(|byte| !byte)
    }

    /// Whether the bytes that were added held their own checksum and it is right.
    #[must_use]
    pub fn is_right(self) -> bool {
        self.partial() == [0xff, 0xff]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As RFC 1071 writes it, word by word.
    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn the_fast_sum_is_the_slow_sum(bytes in prop::collection::vec(any::<u8>(), 1..3_000), cut: prop::sample::Index) {
            let checksum = Sum::default().over(&bytes).checksum();
            prop_assert_eq!(u16::from_be_bytes(checksum), slow(&bytes));
            let cut = cut.index(bytes.len()) & !1;
            let joined = Sum::default().over(&bytes[cut..]).join(Sum::default().over(&bytes[..cut]));
            prop_assert_eq!(joined.checksum(), checksum);
        }
    }

    #[test]
    fn many_ones_do_not_overflow() {
        let sum = Sum(u64::MAX).over(&[0xff; 65_536]);
        assert!(sum.is_right());
    }
}
