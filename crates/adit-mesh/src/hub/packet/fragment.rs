//! Dividing packets that are too large for a path: those of IPv4 that may be divided, and those of IPv6 that the hub makes,
//! which only their source may divide.
//!
//! Source: RFC 791 section 2.3 and 3.2; RFC 8200 section 4.5.

use super::{
    bytes::{byte, number, put},
    head::{Head, Part, V4_BYTES, V6_BYTES, protocol, sum_header},
};

/// Another fragment follows.
const MORE: u16 = 0x2000;
/// Where a fragment begins, in units of eight bytes.
const POSITION: u16 = 0x1fff;
/// An option that each fragment has.
const COPIED: u8 = 0x80;

/// Divides an IPv4 packet into packets of at most `mtu` bytes, made one after the other in `scratch`. False if that
/// cannot be; some may have been made by then.
pub(crate) fn divide(
    packet: &[u8],
    head: &Head,
    mtu: usize,
    scratch: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> bool {
    divided(packet, head, mtu, scratch, &mut each).is_some()
}

fn divided(
    packet: &[u8],
    head: &Head,
    mtu: usize,
    scratch: &mut Vec<u8>,
    each: &mut impl FnMut(&[u8]),
) -> Option<()> {
    let header = packet.get(..head.header)?;
    let most = mtu.checked_sub(header.len())? / 8 * 8;
    if !head.may_divide || most == 0 {
        return None;
    }
    let flags = number(packet, 6)?;
    let mut position = flags & POSITION;
    let mut pieces = head.upper(packet).chunks(most).peekable();
    let mut is_first = true;
    while let Some(piece) = pieces.next() {
        scratch.clear();
        if is_first {
            scratch.extend_from_slice(header);
        } else {
            put_later_header(scratch, header)?;
        }
        is_first = false;
        let more = if pieces.peek().is_some() {
            MORE
        } else {
            flags & MORE
        };
        let total = u16::try_from(scratch.len() + piece.len()).ok()?;
        let done = put(scratch, 2, &total.to_be_bytes()) && put(scratch, 6, &(more | position).to_be_bytes());
        sum_header(scratch).filter(|()| done)?;
        scratch.extend_from_slice(piece);
        each(scratch);
        position = position.checked_add(u16::try_from(piece.len() / 8).ok()?)?;
    }
    Some(())
}

/// Bytes of a fragment header of IPv6.
const V6_FRAGMENT_BYTES: usize = 8;

/// Divides an IPv6 packet that this host makes, which has no extension headers, into packets of at most `mtu` bytes, as
/// [`divide`]. `id` is to be another one for each packet.
pub(crate) fn divide_own_v6(
    packet: &[u8],
    head: &Head,
    mtu: usize,
    id: u32,
    scratch: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> bool {
    divided_v6(packet, head, mtu, id, scratch, &mut each).is_some()
}

fn divided_v6(
    packet: &[u8],
    head: &Head,
    mtu: usize,
    id: u32,
    scratch: &mut Vec<u8>,
    each: &mut impl FnMut(&[u8]),
) -> Option<()> {
    let header = packet.get(..V6_BYTES)?;
    let most = mtu.checked_sub(V6_BYTES + V6_FRAGMENT_BYTES)? / 8 * 8;
    if head.header != V6_BYTES || head.part != Part::Whole || most == 0 {
        return None;
    }
    let mut pieces = head.upper(packet).chunks(most).peekable();
    let mut position = 0_u16;
    while let Some(piece) = pieces.next() {
        scratch.clear();
        scratch.extend_from_slice(header);
        let length = u16::try_from(V6_FRAGMENT_BYTES + piece.len()).ok()?;
        let done = put(scratch, 4, &length.to_be_bytes()) && put(scratch, 6, &[protocol::FRAGMENT]);
        done.then_some(())?;
        let more = u16::from(pieces.peek().is_some());
        scratch.extend_from_slice(&[head.protocol, 0]);
        scratch.extend_from_slice(&(position | more).to_be_bytes());
        scratch.extend_from_slice(&id.to_be_bytes());
        scratch.extend_from_slice(piece);
        each(scratch);
        // In units of eight bytes, above three other bits: as many as bytes.
        position = position.checked_add(u16::try_from(piece.len()).ok()?)?;
    }
    Some(())
}

/// The header of a fragment that is not the first: with those options only that each fragment has.
fn put_later_header(scratch: &mut Vec<u8>, header: &[u8]) -> Option<()> {
    let (fixed, mut options) = header.split_at_checked(V4_BYTES)?;
    scratch.extend_from_slice(fixed);
    while let [kind, rest @ ..] = options {
        match kind {
            0 => break,
            1 => options = rest,
            _ => {
                let (option, others) = options.split_at_checked(usize::from(byte(rest, 0)?).max(2))?;
                if kind & COPIED != 0 {
                    scratch.extend_from_slice(option);
                }
                options = others;
            }
        }
    }
    scratch.resize(scratch.len().next_multiple_of(4), 0);
    let words = u8::try_from(scratch.len() / 4).ok()?;
    put(scratch, 0, &[0x40 | words]).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    fn pieces(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
        let head = Head::read(packet).unwrap();
        let (mut made, mut scratch) = (Vec::new(), Vec::new());
        assert!(divide(packet, &head, mtu, &mut scratch, |piece| made
            .push(piece.to_vec())));
        made
    }

    /// What a receiver makes of fragments: bytes by where they begin, and whether the last one is there.
    fn joined(pieces: &[Vec<u8>]) -> (Vec<u8>, bool) {
        let (mut bytes, mut ends) = (Vec::new(), false);
        for piece in pieces {
            let head = Head::read(piece).unwrap();
            let flags = number(piece, 6).unwrap();
            assert_eq!(usize::from(flags & POSITION) * 8, bytes.len());
            assert!(!ends, "nothing follows the last one");
            ends = flags & MORE == 0;
            bytes.extend_from_slice(head.upper(piece));
        }
        (bytes, ends)
    }

    proptest! {
        #[test]
        fn fragments_fit_and_join_to_what_was_divided(payload in 0_usize..9000, mtu in 68_usize..1500, again in 68_usize..1500) {
            let payload: Vec<u8> = (0..=255_u8).cycle().take(payload).collect();
            let packet = samples::udp("10.10.0.5", "10.20.0.7", 64, &payload);
            let head = Head::read(&packet).unwrap();
            let once = pieces(&packet, mtu);
            prop_assert!(once.iter().all(|piece| piece.len() <= mtu));
            prop_assert_eq!(joined(&once), (head.upper(&packet).to_vec(), true));
            // A router further on divides them again.
            let twice: Vec<_> = once.iter().flat_map(|piece| pieces(piece, again)).collect();
            prop_assert!(twice.iter().all(|piece| piece.len() <= mtu.min(again)));
            prop_assert_eq!(joined(&twice), (head.upper(&packet).to_vec(), true));
        }
    }

    proptest! {
        #[test]
        fn fragments_of_ipv6_fit_and_join_to_what_was_divided(payload in 0_usize..9000, mtu in 56_usize..1500, id: u32) {
            let payload: Vec<u8> = (0..=255_u8).cycle().take(payload).collect();
            let packet = samples::udp("fd00:a::5", "fd00:b::7", 64, &payload);
            let head = Head::read(&packet).unwrap();
            let (mut made, mut scratch) = (Vec::new(), Vec::new());
            let keep = |piece: &[u8]| made.push(piece.to_vec());
            prop_assert!(divide_own_v6(&packet, &head, mtu, id, &mut scratch, keep));
            let mut bytes = Vec::new();
            for (at, piece) in made.iter().enumerate() {
                prop_assert!(piece.len() <= mtu);
                let part = Head::read(piece).unwrap();
                prop_assert_eq!((part.source, part.destination, part.hops), (head.source, head.destination, 64));
                let field = number(piece, V6_BYTES + 2).unwrap();
                prop_assert_eq!(usize::from(field & !7), bytes.len());
                prop_assert_eq!(field & 1 == 0, at + 1 == made.len());
                prop_assert_eq!(&piece[V6_BYTES + 4..][..4], &id.to_be_bytes());
                bytes.extend_from_slice(&piece[V6_BYTES + V6_FRAGMENT_BYTES..part.total]);
            }
            prop_assert_eq!(bytes, head.upper(&packet));
        }
    }

    #[test]
    fn what_is_a_fragment_already_is_not_divided_as_the_hubs_own() {
        let packet = samples::udp("fd00:a::5", "fd00:b::7", 64, &[0; 2000]);
        let head = Head::read(&packet).unwrap();
        let mut first = Vec::new();
        divide_own_v6(&packet, &head, 1280, 7, &mut Vec::new(), |piece| {
            if first.is_empty() {
                first = piece.to_vec();
            }
        });
        let head = Head::read(&first).unwrap();
        assert!(!divide_own_v6(
            &first,
            &head,
            576,
            8,
            &mut Vec::new(),
            |_| panic!("a piece")
        ));
    }

    #[test]
    fn every_fragment_has_the_options_that_are_copied_and_only_the_first_the_others() {
        // A router alert, which is copied, a no-operation and a record of the route, which is not.
        let packet = samples::with_options(&[148, 4, 0, 0, 1, 7, 3, 4]);
        let made = pieces(&packet, 1280);
        assert_eq!(made.len(), 3);
        let heads: Vec<Head> = made.iter().map(|piece| Head::read(piece).unwrap()).collect();
        assert_eq!(
            heads.iter().map(|head| head.header).collect::<Vec<_>>(),
            [28, 24, 24]
        );
        assert_eq!(
            heads.iter().map(|head| head.part).collect::<Vec<_>>(),
            [Part::First, Part::Later, Part::Later]
        );
        assert_eq!(made[2][V4_BYTES..24], [148, 4, 0, 0]);
        let whole = Head::read(&packet).unwrap();
        assert_eq!(joined(&made), (whole.upper(&packet).to_vec(), true));
    }

    #[test]
    fn what_may_not_be_divided_is_not() {
        let mut packet = samples::udp("10.10.0.5", "10.20.0.7", 64, &[0; 2000]);
        put(&mut packet, 6, &[0x40, 0]);
        sum_header(&mut packet[..V4_BYTES]).unwrap();
        let head = Head::read(&packet).unwrap();
        assert!(!divide(&packet, &head, 1280, &mut Vec::new(), |_| panic!(
            "a piece"
        )));
    }
}
