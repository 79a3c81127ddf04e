//! The internet checksum. Source: RFC 1071.

/// A sum under way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checksum(u64);

impl Checksum {
    /// Adds bytes, the last of which is filled up if they are odd: only the last piece may be.
    pub(super) fn add(mut self, bytes: &[u8]) -> Self {
        let (words, odd) = bytes.as_chunks::<2>();
        for word in words {
            self.0 += u64::from(u16::from_be_bytes(*word));
        }
        if let [last] = odd {
            self.0 += u64::from(*last) << 8;
        }
        self
    }

    /// What stands in the header; 0 for bytes whose checksum is right.
    pub(super) const fn value(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xFFFF {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        let [.., high, low] = sum.to_be_bytes();
        !u16::from_be_bytes([high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_holds() {
        let bytes = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7];
        assert_eq!(Checksum::default().add(&bytes).value(), !0xDDF2);
    }

    #[test]
    fn an_odd_byte_counts_as_a_high_one() {
        let odd = Checksum::default().add(&[1, 2, 3]).value();
        assert_eq!(odd, Checksum::default().add(&[1, 2, 3, 0]).value());
    }
}
