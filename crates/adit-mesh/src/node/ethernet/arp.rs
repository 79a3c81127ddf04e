//! ARP: who has an IPv4 address on a LAN. Sources: RFC 826; RFC 5227, section 3.

use std::net::Ipv4Addr;

use super::{Mac, header, payload};

/// The type of its frames.
pub(in crate::node) const KIND: u16 = 0x0806;
/// Ethernet and IPv4, with addresses of 6 and 4 bytes.
const PREAMBLE: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// Tells everybody that `address` is at `mac`: a request for it, which every host takes for news of an address that it
/// knows, and a reply for those that look at replies only.
pub(in crate::node) fn gratuitous(mac: Mac, address: Ipv4Addr) -> [Vec<u8>; 2] {
    [
        frame(REQUEST, (mac, address), (Mac([0; 6]), address)),
        frame(REPLY, (mac, address), (mac, address)),
    ]
}

/// Asks everybody who has `wanted`.
pub(in crate::node) fn request(mac: Mac, own: Ipv4Addr, wanted: Ipv4Addr) -> Vec<u8> {
    frame(REQUEST, (mac, own), (Mac([0; 6]), wanted))
}

/// Who says that it has which address: of a reply, or of anybody else's request.
pub(in crate::node) fn says(frame: &[u8]) -> Option<Ipv4Addr> {
    let (_, packet) = payload(frame, KIND)?;
    let rest = packet.strip_prefix(&PREAMBLE)?;
    Some(Ipv4Addr::from(*rest.get(8..)?.first_chunk::<4>()?))
}

fn frame(operation: u16, from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut frame = header(Mac::BROADCAST, from.0, KIND);
    frame.extend(PREAMBLE);
    frame.extend(operation.to_be_bytes());
    for (mac, address) in [from, to] {
        frame.extend(mac.0);
        frame.extend(address.octets());
    }
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_announced_is_what_is_heard() {
        let (mac, address) = (Mac([2, 0, 0, 0, 0, 7]), "10.10.0.1".parse().unwrap());
        for frame in gratuitous(mac, address) {
            assert_eq!(frame.len(), 42);
            assert_eq!(says(&frame), Some(address));
        }
        let asked = request(mac, address, "10.10.0.9".parse().unwrap());
        assert_eq!(says(&asked), Some(address));
    }

    proptest! {
        #[test]
        fn no_frame_panics(frame: Vec<u8>) {
            let _ = says(&frame);
        }
    }
}
