//! The number that acknowledgements leave with.
//!
//! After a timeout smoltcp counts what it had sent as not sent, and its acknowledgements carry that older number. A member
//! that has the bytes answers such a segment and otherwise leaves it aside, its acknowledgement included: two ends that
//! both do so never agree again. An acknowledgement carries the number after all that was ever sent.
//!
//! Source: RFC 9293 sections 3.4 (SND.NXT) and 3.10.7.4 (what is acceptable).

use crate::hub::packet::{
    bytes::{array, byte, changed, number, put},
    head::{V4_BYTES, V6_BYTES, protocol},
};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const NUMBER: usize = 4;
const FLAGS: usize = 13;
const WINDOW: usize = 14;
const CHECKSUM: usize = 16;

/// What an end has sent, as numbers of TCP.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The number after the last byte.
    next: Option<u32>,
    /// Whether the member takes nothing, so that one byte is a question and not sent for good.
    is_shut: bool,
}

impl Sent {
    /// Looks at a packet of the member's.
    pub(super) fn heard(&mut self, packet: &[u8]) {
        if let Some(window) = segment_at(packet).and_then(|at| number(packet, at + WINDOW)) {
            self.is_shut = window == 0;
        }
    }

    /// Looks at a packet that leaves, and mends its number if it is an acknowledgement with an older one.
    pub(super) fn leaves(&mut self, packet: &mut [u8]) {
        let _ = self.settle(packet);
    }

    fn settle(&mut self, packet: &mut [u8]) -> Option<()> {
        let at = segment_at(packet)?;
        let segment = packet.get_mut(at..)?;
        let flags = byte(segment, FLAGS)?;
        if flags & RST != 0 {
            return None;
        }
        let header = usize::from(byte(segment, FLAGS - 1)? >> 4) * 4;
        let payload = segment.len().checked_sub(header)?;
        let begins = u32::from_be_bytes(array(segment, NUMBER)?);
        let marks = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let ends = begins
            .wrapping_add(u32::try_from(payload).ok()?)
            .wrapping_add(marks);
        let is_behind = self.next.is_some_and(|next| is_before(ends, next));
        match (begins == ends, is_behind) {
            (true, true) => renumber(segment, self.next?),
            (true, false) => None,
            (false, _) => {
                let is_question = self.is_shut && payload == 1 && marks == 0;
                if !is_behind && !is_question {
                    self.next = Some(ends);
                }
                None
            }
        }
    }
}

fn renumber(segment: &mut [u8], to: u32) -> Option<()> {
    let to = to.to_be_bytes();
    let mut sum = number(segment, CHECKSUM)?;
    for place in [0, 2] {
        sum = changed(sum, number(segment, NUMBER + place)?, number(&to, place)?);
    }
    let done = put(segment, NUMBER, &to) && put(segment, CHECKSUM, &sum.to_be_bytes());
    done.then_some(())
}

/// Whether a number comes before another one, in the half of all numbers that does.
const fn is_before(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) < 1 << 31
}

/// Where in a packet its TCP segment is. The packets of a flow have no IPv6 extensions.
fn segment_at(packet: &[u8]) -> Option<usize> {
    let first = byte(packet, 0)?;
    let (at, upper) = match first >> 4 {
        4 => (usize::from(first & 0x0f) * 4, byte(packet, 9)?),
        6 => (V6_BYTES, byte(packet, 6)?),
        _ => return None,
    };
    (upper == protocol::TCP && at >= V4_BYTES).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::packet::{head::Head, samples};

    const ENDS: [(&str, &str); 2] = [("10.20.0.7", "10.10.0.5"), ("fd00:b::7", "fd00:a::5")];

    fn segment(ends: (&str, &str), number: u32, flags: u8, window: u16, payload: usize) -> Vec<u8> {
        let upper = [
            &[0, 80, 0x0f, 0xa0][..],
            &number.to_be_bytes(),
            &[0, 0, 0, 1, 5 << 4, flags],
            &window.to_be_bytes(),
            &[0; 4],
            &vec![7; payload],
        ]
        .concat();
        samples::tcp(ends.0, ends.1, upper)
    }

    #[test]
    fn an_acknowledgement_never_carries_a_number_before_what_was_sent() {
        for ends in ENDS {
            let mut sent = Sent::default();
            let begin = u32::MAX - 50;
            let mut leave = |number: u32, flags: u8, payload: usize| {
                let mut packet = segment(ends, number, flags, 9, payload);
                let before = packet.clone();
                sent.leaves(&mut packet);
                let head = Head::read(&packet).unwrap();
                assert_eq!(
                    samples::upper_sum(ends.0, ends.1, protocol::TCP, head.upper(&packet)),
                    0
                );
                let now = u32::from_be_bytes(array(head.upper(&packet), NUMBER).unwrap());
                (now, packet == before)
            };
            assert!(leave(begin, SYN, 0).1);
            assert!(leave(begin.wrapping_add(1), 0x10, 100).1);
            assert!(leave(begin.wrapping_add(101), 0x10, 0).1);
            // The same once more, and an acknowledgement in the middle of that.
            assert!(leave(begin.wrapping_add(1), 0x10, 60).1);
            assert_eq!(
                leave(begin.wrapping_add(61), 0x10, 0),
                (begin.wrapping_add(101), false)
            );
            // A reset says what its sender means.
            assert!(leave(begin.wrapping_add(61), RST, 0).1);
            assert!(leave(begin.wrapping_add(101), FIN | 0x10, 0).1);
            assert_eq!(leave(begin.wrapping_add(101), 0x10, 0).0, begin.wrapping_add(102));
        }
    }

    #[test]
    fn a_byte_that_asks_a_shut_window_is_not_sent_for_good() {
        for ends in ENDS {
            let mut sent = Sent::default();
            let mut number_of_acknowledgement = |window: u16| {
                sent.heard(&segment((ends.1, ends.0), 1, 0x10, window, 0));
                sent.leaves(&mut segment(ends, 500, 0x10, 9, 1));
                let mut packet = segment(ends, 500, 0x10, 9, 0);
                sent.leaves(&mut packet);
                u32::from_be_bytes(array(Head::read(&packet).unwrap().upper(&packet), NUMBER).unwrap())
            };
            assert_eq!(number_of_acknowledgement(0), 500);
            assert_eq!(number_of_acknowledgement(1), 501);
        }
    }
}
