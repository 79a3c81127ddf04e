//! The first bytes of an IP packet. Source: RFC 791, section 3.1; RFC 8200, section 3.

use std::net::IpAddr;

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

/// Who sent this packet.
#[must_use]
pub fn source(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 12, 8)
}

/// Whom this packet is for.
#[must_use]
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 16, 24)
}

fn address(packet: &[u8], v4: usize, v6: usize) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::from(*packet.get(v4..)?.first_chunk::<4>()?)),
        6 => Some(IpAddr::from(*packet.get(v6..)?.first_chunk::<16>()?)),
        _ => None,
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Writes at this place; does nothing where the bytes end before.
pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = bytes.get_mut(at..at + N) {
        place.copy_from_slice(&value);
    }
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
            let _ = (source(&bytes), destination(&bytes));
        }
    }
}
