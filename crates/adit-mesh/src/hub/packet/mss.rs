//! The largest segment that the ends of a TCP connection offer each other, held to what the mesh carries whole.
//!
//! Source: RFC 9293 section 3.7.1 (the option), RFC 1624 (its checksum).

use std::net::IpAddr;

use super::{
    bytes::{byte, changed, number, put},
    head::{Head, Part, V4_BYTES, V6_BYTES, protocol},
};

const TCP_BYTES: usize = 20;
const SYN: u8 = 0x02;
const END: u8 = 0;
const NOTHING: u8 = 1;
const MOST_SEGMENT: u8 = 2;

/// Lowers what a SYN offers, so that no segment makes a packet of more than `mtu` bytes. Anything else stays as it is.
pub(crate) fn clamp(packet: &mut [u8], head: &Head, mtu: usize) {
    let _ = lower(packet, head, mtu);
}

fn lower(packet: &mut [u8], head: &Head, mtu: usize) -> Option<()> {
    if head.protocol != protocol::TCP || head.part != Part::Whole {
        return None;
    }
    let tcp = packet.get_mut(head.header..head.total)?;
    if byte(tcp, 13)? & SYN == 0 {
        return None;
    }
    let options_end = usize::from(byte(tcp, 12)? >> 4) * 4;
    let at = offered_at(tcp.get(..options_end)?)?;
    let offered = number(tcp, at)?;
    let headers = match head.source {
        IpAddr::V4(_) => V4_BYTES + TCP_BYTES,
        IpAddr::V6(_) => V6_BYTES + TCP_BYTES,
    };
    let most = u16::try_from(mtu.checked_sub(headers)?).ok()?;
    if offered <= most {
        return None;
    }
    // At an odd place the number's bytes are the second and first ones of two that are summed.
    let as_summed = |value: u16| if at % 2 == 0 { value } else { value.swap_bytes() };
    let sum = changed(number(tcp, 16)?, as_summed(offered), as_summed(most));
    let done = put(tcp, at, &most.to_be_bytes()) && put(tcp, 16, &sum.to_be_bytes());
    done.then_some(())
}

/// Where in a TCP header the offer is.
fn offered_at(header: &[u8]) -> Option<usize> {
    let mut at = TCP_BYTES;
    loop {
        match byte(header, at)? {
            END => return None,
            NOTHING => at += 1,
            MOST_SEGMENT if byte(header, at + 1)? == 4 && at + 4 <= header.len() => return Some(at + 2),
            _ => {
                let length = usize::from(byte(header, at + 1)?);
                at += if length >= 2 { length } else { return None };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    const ENDS: [(&str, &str); 2] = [("10.10.0.5", "10.20.0.7"), ("fd00:a::5", "fd00:b::7")];

    fn clamped(mut packet: Vec<u8>, mtu: usize) -> Vec<u8> {
        let head = Head::read(&packet).unwrap();
        clamp(&mut packet, &head, mtu);
        packet
    }

    #[test]
    fn an_offer_is_lowered_to_what_the_path_carries_and_never_raised() {
        for ((from, to), headers) in ENDS.into_iter().zip([40_u16, 60]) {
            let with = |mss: u16| {
                let [high, low] = mss.to_be_bytes();
                // At an even place, and after one byte at an odd one.
                let even = samples::syn(from, to, SYN, &[2, 4, high, low]);
                let odd = samples::syn(from, to, SYN | 0x10, &[1, 2, 4, high, low, 1, 1, 1]);
                [even, odd]
            };
            for (offered, expected) in [
                (1460, 1420 - headers),
                (1420 - headers, 1420 - headers),
                (536, 536),
            ] {
                for (before, after) in with(offered).into_iter().zip(with(expected)) {
                    assert_eq!(clamped(before, 1420), after);
                }
            }
        }
    }

    #[test]
    fn only_a_syn_with_an_offer_is_changed() {
        for (from, to) in ENDS {
            let others = [
                samples::syn(from, to, 0x10, &[2, 4, 5, 180]),
                samples::syn(from, to, SYN, &[]),
                samples::syn(from, to, SYN, &[1, 1, 2, 4]),
                samples::syn(from, to, SYN, &[2, 3, 5, 180]),
                samples::syn(from, to, SYN, &[0, 2, 4, 5, 180, 0, 0, 0]),
                samples::syn(from, to, SYN, &[8, 0, 2, 4, 5, 180, 0, 0]),
            ];
            for packet in others {
                assert_eq!(clamped(packet.clone(), 1280), packet);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_options_are_the_checksum_stays_right(
            options in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 3, 4, 5, 8, 180]), 0..40),
            six: bool,
        ) {
            let (from, to) = ENDS[usize::from(six)];
            let options = &options[..options.len() / 4 * 4];
            let packet = clamped(samples::syn(from, to, SYN, options), 600);
            let head = Head::read(&packet).unwrap();
            prop_assert_eq!(samples::upper_sum(from, to, protocol::TCP, head.upper(&packet)), 0);
        }
    }
}
