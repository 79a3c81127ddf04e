//! What the hub says in ICMP: that a packet went nowhere and why, and that it is there itself.
//!
//! Source: RFC 792 and RFC 1812 section 4.3 (IPv4), RFC 1191 (too big), RFC 4443 (IPv6).

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

use super::{
    bytes::{Sum, byte, changed, number, put},
    head::{Head, Part, V4_BYTES, V6_BYTES, protocol, sum_header},
};

const ICMP_BYTES: usize = 8;
/// How long a whole answer may be: RFC 1812 for IPv4, RFC 4443 for IPv6.
const MOST_V4_BYTES: usize = 576;
const MOST_V6_BYTES: usize = 1280;
/// How many hops the hub's own packets have.
const HOPS: u8 = 64;

/// Why a packet went nowhere, as its source is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Nothing leads there.
    NoRoute,
    /// What leads there does not answer.
    NoHost,
    /// It may not go there.
    Prohibited,
    /// Nobody listens there.
    NoPort,
    /// It had no more hops.
    HopsUsedUp,
    /// Only packets of at most so many bytes go there.
    TooBig(u16),
}

impl Problem {
    /// Type, code and the number at the end of the header.
    fn in_v4(self) -> (u8, u8, u32) {
        match self {
            Self::NoRoute => (3, 0, 0),
            Self::NoHost => (3, 1, 0),
            Self::NoPort => (3, 3, 0),
            Self::TooBig(mtu) => (3, 4, mtu.into()),
            Self::Prohibited => (3, 13, 0),
            Self::HopsUsedUp => (11, 0, 0),
        }
    }

    fn in_v6(self) -> (u8, u8, u32) {
        match self {
            Self::NoRoute => (1, 0, 0),
            Self::Prohibited => (1, 1, 0),
            Self::NoHost => (1, 3, 0),
            Self::NoPort => (1, 4, 0),
            Self::TooBig(mtu) => (2, 0, mtu.into()),
            Self::HopsUsedUp => (3, 0, 0),
        }
    }
}

/// What the source of a packet is told. `hub` speaks; without an address of its own it speaks in the name of the
/// destination, whose addresses the source takes packets from. `None` if nobody may be told.
pub(crate) fn answer(packet: &[u8], head: &Head, problem: Problem, hub: Option<IpAddr>) -> Option<BytesMut> {
    if !may_be_answered(packet, head, problem) {
        return None;
    }
    match (hub.unwrap_or(head.destination), head.source) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let quoted = packet.get(..head.total.min(MOST_V4_BYTES - V4_BYTES - ICMP_BYTES))?;
            let total = u16::try_from(V4_BYTES + ICMP_BYTES + quoted.len()).ok()?;
            let mut answer = BytesMut::with_capacity(total.into());
            // Precedence of what controls the network.
            answer.put_slice(&[0x45, 0xc0]);
            answer.put_u16(total);
            answer.put_slice(&[0, 0, 0, 0, HOPS, protocol::ICMP_V4, 0, 0]);
            answer.put_slice(&from.octets());
            answer.put_slice(&to.octets());
            sum_header(&mut answer)?;
            put_message(&mut answer, problem.in_v4(), quoted, Sum::default())?;
            Some(answer)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let quoted = packet.get(..head.total.min(MOST_V6_BYTES - V6_BYTES - ICMP_BYTES))?;
            let length = u16::try_from(ICMP_BYTES + quoted.len()).ok()?;
            let mut answer = BytesMut::with_capacity(V6_BYTES + usize::from(length));
            answer.put_u32(0x6000_0000);
            answer.put_u16(length);
            answer.put_slice(&[protocol::ICMP_V6, HOPS]);
            answer.put_slice(&from.octets());
            answer.put_slice(&to.octets());
            let pseudo = Sum::default().add(&from.octets()).add(&to.octets());
            let pseudo = pseudo.plus(length).plus(protocol::ICMP_V6.into());
            put_message(&mut answer, problem.in_v6(), quoted, pseudo)?;
            Some(answer)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

fn put_message(
    answer: &mut BytesMut,
    (kind, code, detail): (u8, u8, u32),
    quoted: &[u8],
    pseudo: Sum,
) -> Option<()> {
    let begins = answer.len();
    answer.put_slice(&[kind, code, 0, 0]);
    answer.put_u32(detail);
    answer.put_slice(quoted);
    let sum = pseudo.add(answer.get(begins..)?).checksum();
    put(answer, begins + 2, &sum.to_be_bytes()).then_some(())
}

/// Errors are not told of errors, nor of parts of what is told of as a whole.
fn may_be_answered(packet: &[u8], head: &Head, problem: Problem) -> bool {
    match (head.source, head.part) {
        // Fragments of IPv6 are as large as their source thinks they may be.
        (IpAddr::V6(_), Part::Later) => matches!(problem, Problem::TooBig(_)),
        (_, Part::Later) => false,
        (_, Part::Whole | Part::First) if !head.is_icmp() => true,
        (IpAddr::V4(_), Part::Whole | Part::First) => {
            // Requests and replies; all others are errors or unknown.
            matches!(byte(head.upper(packet), 0), Some(0 | 8 | 13..=18))
        }
        (IpAddr::V6(_), Part::Whole | Part::First) => {
            // All below 128 are errors; 137 is a redirect.
            byte(head.upper(packet), 0).is_some_and(|kind| kind >= 128 && kind != 137)
        }
    }
}

/// Makes an echo request into its reply. False if it is none, and still what it was.
pub(crate) fn reply(packet: &mut [u8], head: &Head) -> bool {
    let (request, reply) = match head.source {
        IpAddr::V4(_) => ([8, 0], [0, 0]),
        IpAddr::V6(_) => ([128, 0], [129, 0]),
    };
    let begins = head
        .upper(packet)
        .get(..ICMP_BYTES)
        .and_then(|icmp| icmp.first_chunk());
    if head.part != Part::Whole || !head.is_icmp() || begins != Some(&request) {
        return false;
    }
    turn_round(packet, head, request, reply).is_some()
}

fn turn_round(packet: &mut [u8], head: &Head, request: [u8; 2], reply: [u8; 2]) -> Option<()> {
    let at = head.header;
    let sum = changed(
        number(packet, at + 2)?,
        u16::from_be_bytes(request),
        u16::from_be_bytes(reply),
    );
    let mut done = put(packet, at, &reply) && put(packet, at + 2, &sum.to_be_bytes());
    // Both addresses are summed, in whichever order they are.
    match (head.source, head.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            done &= put(packet, 8, &[HOPS]) && put(packet, 12, &destination.octets());
            done &= put(packet, 16, &source.octets());
            sum_header(packet.get_mut(..head.header)?)?;
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            done &= put(packet, 7, &[HOPS]) && put(packet, 8, &destination.octets());
            done &= put(packet, 24, &source.octets());
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    done.then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    const V4: [&str; 2] = ["10.10.0.5", "10.20.0.7"];
    const V6: [&str; 2] = ["fd00:a::5", "fd00:b::7"];

    fn told(packet: &[u8], problem: Problem, hub: Option<&str>) -> Option<BytesMut> {
        let head = Head::read(packet).unwrap();
        answer(packet, &head, problem, hub.map(|hub| hub.parse().unwrap()))
    }

    /// Type, code and detail of an answer, and that it is a good packet from and to the right ones.
    fn read(answer: &[u8], from: &str, to: &str) -> (u8, u8, u32) {
        let head = Head::read(answer).unwrap();
        assert_eq!(
            (head.source, head.destination),
            (from.parse().unwrap(), to.parse().unwrap())
        );
        assert!(head.is_icmp() && head.total == answer.len());
        let icmp = head.upper(answer);
        let sum = if from.contains(':') {
            samples::upper_sum(from, to, protocol::ICMP_V6, icmp)
        } else {
            Sum::default().add(icmp).checksum()
        };
        assert_eq!(sum, 0);
        let detail = u32::from_be_bytes(icmp[4..8].try_into().unwrap());
        (icmp[0], icmp[1], detail)
    }

    #[test]
    fn every_problem_has_its_type_and_code_in_both_families() {
        let cases = [
            (Problem::NoRoute, (3, 0, 0), (1, 0, 0)),
            (Problem::NoHost, (3, 1, 0), (1, 3, 0)),
            (Problem::Prohibited, (3, 13, 0), (1, 1, 0)),
            (Problem::NoPort, (3, 3, 0), (1, 4, 0)),
            (Problem::HopsUsedUp, (11, 0, 0), (3, 0, 0)),
            (Problem::TooBig(1280), (3, 4, 1280), (2, 0, 1280)),
        ];
        for (problem, four, six) in cases {
            for ([from, to], expected) in [(V4, four), (V6, six)] {
                let packet = samples::udp(from, to, 1, b"hello");
                let answer = told(&packet, problem, None).unwrap();
                assert_eq!(read(&answer, to, from), expected, "{problem:?}");
                assert!(answer.ends_with(&packet), "it quotes what it is about");
            }
        }
        let packet = samples::udp(V4[0], V4[1], 1, b"");
        let answer = told(&packet, Problem::NoRoute, Some("100.96.0.1")).unwrap();
        read(&answer, "100.96.0.1", V4[0]);
    }

    #[test]
    fn an_answer_quotes_no_more_than_everyone_takes() {
        let long = told(
            &samples::udp(V4[0], V4[1], 9, &[7; 1400]),
            Problem::TooBig(1280),
            None,
        );
        assert_eq!(long.unwrap().len(), 576);
        let long = told(
            &samples::udp(V6[0], V6[1], 9, &[7; 1400]),
            Problem::TooBig(1280),
            None,
        );
        assert_eq!(long.unwrap().len(), 1280);
    }

    #[test]
    fn nobody_is_told_of_errors_or_of_later_fragments() {
        for kind in [3, 4, 5, 11, 12, 200] {
            let error = samples::icmp(V4[0], V4[1], kind, 0, &[0; 28]);
            assert_eq!(told(&error, Problem::NoRoute, None), None, "{kind}");
        }
        for kind in [1, 2, 3, 4, 137] {
            let error = samples::icmp(V6[0], V6[1], kind, 0, &[0; 48]);
            assert_eq!(told(&error, Problem::NoRoute, None), None, "{kind}");
        }
        assert!(told(&samples::icmp(V4[0], V4[1], 8, 0, b""), Problem::NoRoute, None).is_some());
        assert!(told(&samples::icmp(V6[0], V6[1], 128, 0, b""), Problem::NoRoute, None).is_some());
        let mut later = samples::udp(V4[0], V4[1], 9, b"");
        put(&mut later, 6, &[0, 1]);
        sum_header(&mut later[..V4_BYTES]).unwrap();
        assert_eq!(told(&later, Problem::NoRoute, None), None);
        let later = samples::with_extensions(&[(protocol::FRAGMENT, &[0, 1, 0, 0, 0, 0, 1])]);
        assert_eq!(told(&later, Problem::NoRoute, None), None);
        assert!(told(&later, Problem::TooBig(1280), None).is_some());
    }

    proptest! {
        #[test]
        fn the_hub_answers_an_echo_with_what_it_held(rest: Vec<u8>, six: bool) {
            let ([from, to], request, reply_kind) = if six { (V6, 128, 129) } else { (V4, 8, 0) };
            let mut packet = samples::icmp(from, to, request, 0, &rest);
            let head = Head::read(&packet).unwrap();
            prop_assert!(reply(&mut packet, &head));
            prop_assert_eq!(packet, samples::icmp(to, from, reply_kind, 0, &rest));
        }

        #[test]
        fn no_packet_panics(mut bytes in prop::collection::vec(any::<u8>(), 20..200), six: bool) {
            bytes[0] = if six { 0x60 } else { 0x45 };
            if let Ok(head) = Head::read(&bytes) {
                let _ = answer(&bytes, &head, Problem::TooBig(1280), None);
                let _ = reply(&mut bytes, &head);
            }
        }
    }
}
