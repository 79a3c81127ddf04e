//! The first bytes of an IP packet. Source: RFC 791, section 3.1; RFC 8200, section 3.

/// How long the packet at the start of these bytes says it is, in bytes; `None` if it is none, or not all of it is here.
#[must_use]
pub fn length(bytes: &[u8]) -> Option<usize> {
    let (says, at_least) = match bytes.first()? >> 4 {
        4 => (
            usize::from(u16_at(bytes, 2)?),
            usize::from(bytes.first()? & 0x0f).max(5) * 4,
        ),
        6 => (usize::from(u16_at(bytes, 4)?) + 40, 40),
        _ => return None,
    };
    (says >= at_least && says <= bytes.len()).then_some(says)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_says_how_long_its_packet_is() {
        let mut v4 = vec![0; 64];
        v4[0] = 0x45;
        v4[3] = 50;
        assert_eq!(length(&v4), Some(50));
        let mut v6 = vec![0; 64];
        v6[0] = 0x60;
        v6[5] = 8;
        assert_eq!(length(&v6), Some(48));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_packet_is_longer_than_them(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(length(&bytes).unwrap_or(0) <= bytes.len());
        }
    }
}
