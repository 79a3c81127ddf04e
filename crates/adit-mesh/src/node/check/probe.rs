//! One echo request, and what comes of it.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::UdpSocket, time::timeout};

/// What came of an echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// An answer.
    Answered {
        /// After this time.
        after: Duration,
    },
    /// Somebody on the way says that it cannot be delivered.
    Unreachable {
        /// Who.
        from: IpAddr,
        /// And why.
        why: Why,
    },
    /// Nothing.
    Silent,
}

/// Why a packet was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not allowed to.
    Prohibited,
    /// Nobody there, or no way there.
    Unreachable,
    /// It went in circles.
    TooManyHops,
}

impl Why {
    pub(super) fn mend(self, to: IpAddr) -> String {
        match self {
            Self::Prohibited => format!(
                "route the network of {to} to a mesh site in a virtual network that this node is in: adit tunnel route ip show"
            ),
            Self::Unreachable => format!("start the node of the site of {to}: adit mesh up"),
            Self::TooManyHops => {
                format!("look for two routers that send {to} to each other: traceroute {to}")
            }
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prohibited => "not allowed",
            Self::Unreachable => "unreachable",
            Self::TooManyHops => "too many hops",
        })
    }
}

/// Sends one echo request from an own address, and waits.
pub(in crate::node) async fn echo(from: IpAddr, to: IpAddr, patience: Duration) -> io::Result<Echo> {
    let (domain, protocol) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    // Datagrams go in and out of a raw socket as of any other; only their content is ICMP.
    let socket = UdpSocket::from_std(socket.into())?;
    let mark = std::process::id();
    let started = Instant::now();
    match socket.send_to(&request(to, mark), SocketAddr::new(to, 0)).await {
        Ok(_) => {}
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
            ) =>
        {
            return Ok(Echo::Unreachable {
                from,
                why: Why::Unreachable,
            });
        }
        Err(error) => return Err(error),
    }
    let waiting = async {
        let mut buffer = vec![0; 2048];
        loop {
            let (len, sender) = socket.recv_from(&mut buffer).await?;
            let packet = buffer.get(..len).unwrap_or_default();
            if let Some(meaning) = meaning(packet, sender.ip(), to, mark) {
                return Ok(match meaning {
                    Meaning::Answer => Echo::Answered {
                        after: started.elapsed(),
                    },
                    Meaning::Refusal(why) => Echo::Unreachable {
                        from: sender.ip(),
                        why,
                    },
                });
            }
        }
    };
    timeout(patience, waiting).await.unwrap_or(Ok(Echo::Silent))
}

/// An echo request: type, code, checksum, identifier, sequence number, then the mark once more.
/// Sources: RFC 792, RFC 4443.
fn request(to: IpAddr, mark: u32) -> Vec<u8> {
    let kind = if to.is_ipv4() { 8 } else { 128 };
    let mut packet = vec![kind, 0, 0, 0];
    packet.extend(mark.to_be_bytes());
    packet.extend(mark.to_be_bytes());
    // The kernel fills in the one of ICMPv6, which covers addresses too.
    if to.is_ipv4() {
        let sum = checksum(&packet).to_be_bytes();
        packet.splice(2..4, sum);
    }
    packet
}

fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| match pair {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Answer,
    Refusal(Why),
}

/// What a packet says of the request to `to`; `None` if it is about something else. A raw socket of IPv4 gives the header
/// of IP too, one of IPv6 does not.
fn meaning(packet: &[u8], sender: IpAddr, to: IpAddr, mark: u32) -> Option<Meaning> {
    let message = if to.is_ipv4() {
        behind_header(packet)?.1
    } else {
        packet
    };
    let (kind, code) = (*message.first()?, *message.get(1)?);
    let mark = mark.to_be_bytes();
    let about =
        |message: &[u8], wanted: u8| message.first() == Some(&wanted) && message.get(4..8) == Some(&mark[..]);
    let quoted = message.get(8..);
    match (to, kind) {
        (IpAddr::V4(_), 0) => (sender == to && about(message, 0)).then_some(Meaning::Answer),
        (IpAddr::V6(_), 129) => (sender == to && about(message, 129)).then_some(Meaning::Answer),
        (IpAddr::V4(to), 3 | 11) => {
            let (destination, request) = behind_header(quoted?)?;
            let why = match (kind, code) {
                (11, _) => Why::TooManyHops,
                (_, 9 | 10 | 13) => Why::Prohibited,
                _ => Why::Unreachable,
            };
            (destination == to.octets() && about(request, 8)).then_some(Meaning::Refusal(why))
        }
        (IpAddr::V6(to), 1 | 3) => {
            let quoted = quoted?;
            let why = match (kind, code) {
                (3, _) => Why::TooManyHops,
                (_, 1 | 5) => Why::Prohibited,
                _ => Why::Unreachable,
            };
            let same = quoted.get(24..40) == Some(&to.octets()[..]);
            (same && about(quoted.get(40..)?, 128)).then_some(Meaning::Refusal(why))
        }
        _ => None,
    }
}

/// The destination and the payload of an IPv4 packet, which may be cut short.
fn behind_header(packet: &[u8]) -> Option<([u8; 4], &[u8])> {
    let len = usize::from(packet.first()? & 0x0f) * 4;
    let destination = packet.get(16..20)?.try_into().ok()?;
    Some((destination, packet.get(len.max(20)..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(destination: [u8; 4]) -> Vec<u8> {
        let mut header = vec![0; 20];
        header[0] = 0x45;
        header[16..20].copy_from_slice(&destination);
        header
    }

    #[test]
    fn an_answer_and_a_refusal_are_told_apart_from_those_of_others() {
        let to: IpAddr = "10.20.0.5".parse().unwrap();
        let router: IpAddr = "100.96.0.1".parse().unwrap();
        let mut answer = header([10, 10, 0, 1]);
        answer.extend(request(to, 7));
        answer[20] = 0;
        assert_eq!(meaning(&answer, to, to, 7), Some(Meaning::Answer));
        assert_eq!(meaning(&answer, to, to, 8), None);
        assert_eq!(meaning(&answer, router, to, 7), None);

        let mut refusal = header([10, 10, 0, 1]);
        refusal.extend([3, 13, 0, 0, 0, 0, 0, 0]);
        refusal.extend(header([10, 20, 0, 5]));
        refusal.extend(request(to, 7));
        assert_eq!(
            meaning(&refusal, router, to, 7),
            Some(Meaning::Refusal(Why::Prohibited))
        );
        assert_eq!(meaning(&refusal, router, "10.20.0.6".parse().unwrap(), 7), None);
    }

    #[test]
    fn a_request_has_the_checksum_that_makes_its_sum_zero() {
        let packet = request("10.20.0.5".parse().unwrap(), 0xdead_beef);
        assert_eq!(checksum(&packet), 0);
    }

    proptest! {
        #[test]
        fn no_packet_panics(packet: Vec<u8>, mark: u32, v6: bool) {
            let to: IpAddr = if v6 { "fd00::5" } else { "10.20.0.5" }.parse().unwrap();
            let _ = meaning(&packet, to, to, mark);
        }
    }
}
