//! Neighbour discovery: who has an IPv6 address on a LAN. Source: RFC 4861, sections 4.3, 4.4 and 7.2.

use std::net::Ipv6Addr;

use super::{Mac, header, payload};

/// The type of IPv6's frames.
pub(in crate::node) const KIND: u16 = 0x86dd;
/// ICMPv6 as a next header.
pub(in crate::node) const ICMP: u8 = 58;
/// A neighbour solicitation.
pub(in crate::node) const SOLICITATION: u8 = 135;
/// A neighbour advertisement.
pub(in crate::node) const ADVERTISEMENT: u8 = 136;
/// What crossed a router has less.
const HOP_LIMIT: u8 = 255;
/// The sender routes packets.
const ROUTER: u8 = 0x80;
/// It was asked.
const SOLICITED: u8 = 0x40;
/// What is known from before no longer counts.
const OVERRIDE: u8 = 0x20;
const SOURCE_OPTION: u8 = 1;
const TARGET_OPTION: u8 = 2;
/// All hosts of a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// A question that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct Solicitation {
    /// Who asks; unspecified if it looks whether it may take the address.
    pub(in crate::node) from: Ipv6Addr,
    /// Where it is.
    pub(in crate::node) mac: Mac,
    /// What it asks for.
    pub(in crate::node) target: Ipv6Addr,
}

/// The group that everybody who has `address` is in.
pub(in crate::node) fn solicited_group(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&[a, b, c]);
    group.into()
}

fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

/// Tells everybody that `address` is at `mac`, and that it is a router.
pub(in crate::node) fn unsolicited(mac: Mac, from: Ipv6Addr, address: Ipv6Addr) -> Vec<u8> {
    let body = advertisement(ROUTER | OVERRIDE, address, mac);
    frame((mac, from), (group_mac(ALL_NODES), ALL_NODES), &body)
}

/// Answers one that asked.
pub(in crate::node) fn answer(mac: Mac, from: Ipv6Addr, asked: &Solicitation) -> Vec<u8> {
    if asked.from.is_unspecified() {
        return unsolicited(mac, from, asked.target);
    }
    let body = advertisement(ROUTER | SOLICITED | OVERRIDE, asked.target, mac);
    frame((mac, from), (asked.mac, asked.from), &body)
}

/// Asks who has `wanted`.
pub(in crate::node) fn request(mac: Mac, own: Ipv6Addr, wanted: Ipv6Addr) -> Vec<u8> {
    let group = solicited_group(wanted);
    let body = message(SOLICITATION, 0, wanted, SOURCE_OPTION, mac);
    frame((mac, own), (group_mac(group), group), &body)
}

/// The question in a frame.
pub(in crate::node) fn solicitation(frame: &[u8]) -> Option<Solicitation> {
    let (mac, from, body) = icmp(frame)?;
    let target = target(body, SOLICITATION)?;
    (!target.is_multicast()).then_some(Solicitation { from, mac, target })
}

/// Who says that it has which address.
pub(in crate::node) fn says(frame: &[u8]) -> Option<Ipv6Addr> {
    let (_, _, body) = icmp(frame)?;
    target(body, ADVERTISEMENT)
}

fn target(body: &[u8], kind: u8) -> Option<Ipv6Addr> {
    let rest = body.strip_prefix(&[kind, 0])?;
    Some(Ipv6Addr::from(*rest.get(6..)?.first_chunk::<16>()?))
}

/// The sender and the ICMPv6 message of a frame that did not cross a router.
fn icmp(frame: &[u8]) -> Option<(Mac, Ipv6Addr, &[u8])> {
    let (mac, packet) = payload(frame, KIND)?;
    let len = usize::from(u16::from_be_bytes(*packet.get(4..)?.first_chunk()?));
    let (next, hops) = (*packet.get(6)?, *packet.get(7)?);
    let from = Ipv6Addr::from(*packet.get(8..)?.first_chunk::<16>()?);
    let to = Ipv6Addr::from(*packet.get(24..)?.first_chunk::<16>()?);
    let body = packet.get(40..)?.get(..len)?;
    let is_whole = packet.first()? >> 4 == 6 && next == ICMP && hops == HOP_LIMIT;
    (is_whole && checksum(from, to, body) == 0).then_some((mac, from, body))
}

fn advertisement(flags: u8, target: Ipv6Addr, mac: Mac) -> Vec<u8> {
    message(ADVERTISEMENT, flags, target, TARGET_OPTION, mac)
}

/// Type, code, checksum, flags, target, and one option with a card's address.
fn message(kind: u8, flags: u8, target: Ipv6Addr, option: u8, mac: Mac) -> Vec<u8> {
    let mut body = vec![kind, 0, 0, 0, flags, 0, 0, 0];
    body.extend(target.octets());
    body.extend([option, 1]);
    body.extend(mac.0);
    body
}

fn frame(from: (Mac, Ipv6Addr), to: (Mac, Ipv6Addr), body: &[u8]) -> Vec<u8> {
    let mut frame = header(to.0, from.0, KIND);
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(u16::try_from(body.len()).unwrap_or_default().to_be_bytes());
    frame.extend([ICMP, HOP_LIMIT]);
    frame.extend(from.1.octets());
    frame.extend(to.1.octets());
    let sum = checksum(from.1, to.1, body).to_be_bytes();
    let start = frame.len();
    frame.extend(body);
    if let Some(place) = frame.get_mut(start + 2..start + 4) {
        place.copy_from_slice(&sum);
    }
    frame
}

/// Over the addresses, the length, the next header and the message. 0 for a message whose own checksum is right.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, body: &[u8]) -> u16 {
    let mut bytes = [from.octets(), to.octets()].concat();
    bytes.extend(u32::try_from(body.len()).unwrap_or_default().to_be_bytes());
    bytes.extend([0, 0, 0, ICMP]);
    bytes.extend(body);
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const THEIRS: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn address(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    #[test]
    fn a_question_is_heard_and_answered_to_who_asked() {
        let (asks, wanted) = (address("fe80::2"), address("fd00:10::1"));
        let question = request(THEIRS, asks, wanted);
        assert_eq!(question[..6], [0x33, 0x33, 0xff, 0, 0, 1]);
        let heard = solicitation(&question).unwrap();
        assert_eq!((heard.from, heard.mac, heard.target), (asks, THEIRS, wanted));
        let answered = answer(OURS, address("fe80::1"), &heard);
        assert_eq!(answered[..6], THEIRS.0);
        assert_eq!(says(&answered), Some(wanted));
        assert_eq!(answered[58], ROUTER | SOLICITED | OVERRIDE);
    }

    #[test]
    fn one_that_has_no_address_yet_is_told_with_everybody() {
        let question = request(THEIRS, Ipv6Addr::UNSPECIFIED, address("fd00:10::1"));
        let heard = solicitation(&question).unwrap();
        let answered = answer(OURS, address("fe80::1"), &heard);
        assert_eq!(answered[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(answered[58], ROUTER | OVERRIDE);
    }

    #[test]
    fn what_crossed_a_router_or_was_damaged_is_not_heard() {
        let question = request(THEIRS, address("fe80::2"), address("fd00:10::1"));
        for (at, value) in [(21, 254), (70, 9)] {
            let mut bad = question.clone();
            bad[at] = value;
            assert_eq!(solicitation(&bad), None);
        }
    }

    proptest! {
        #[test]
        fn no_frame_panics(start in proptest::sample::select(vec![0, 14, 58]), bytes: Vec<u8>) {
            let mut frame = request(THEIRS, Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
            frame.truncate(start);
            frame.extend(bytes);
            let _ = (solicitation(&frame), says(&frame));
        }
    }
}
