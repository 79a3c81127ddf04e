//! Control messages of `sendmsg` and `recvmsg`: a length, a level, a type, and data, each padded to a word.
//! Source: cmsg(3), ip(7), ipv6(7), udp(7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const WORD: usize = size_of::<usize>();
const HEADER: usize = WORD + 8;
/// Room for a segment length and an IPv6 address, with their headers, on any machine.
pub(super) const ROOM: usize = 128;

/// The control messages of one datagram or train.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control {
    pub(super) bytes: [u8; ROOM],
    pub(super) used: usize,
}

/// What control messages told about something that arrived.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// How long each datagram is, but the last; `None` if only one came.
    pub(super) segment: Option<usize>,
    /// Which address of ours it was sent to.
    pub(super) local: Option<IpAddr>,
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            used: 0,
        }
    }

    /// Asks the kernel to cut what is sent into datagrams of this length.
    pub(super) fn push_segment(&mut self, bytes: u16) {
        self.push(libc::SOL_UDP, libc::UDP_SEGMENT, &bytes.to_ne_bytes());
    }

    /// Sends from this address of ours.
    pub(super) fn push_source(&mut self, source: IpAddr) {
        match source {
            IpAddr::V4(source) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&source.octets());
                self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            IpAddr::V6(source) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&source.octets());
                self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
        }
    }

    fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        let length = HEADER + data.len();
        let Some(room) = self
            .bytes
            .get_mut(self.used..self.used + length.next_multiple_of(WORD))
        else {
            debug_assert!(false, "no room for a control message");
            return;
        };
        room[..WORD].copy_from_slice(&length.to_ne_bytes());
        room[WORD..WORD + 4].copy_from_slice(&level.to_ne_bytes());
        room[WORD + 4..HEADER].copy_from_slice(&kind.to_ne_bytes());
        room[HEADER..length].copy_from_slice(data);
        self.used += length.next_multiple_of(WORD);
    }

    /// Reads what the kernel wrote into the first `used` bytes.
    pub(super) fn read(&self, used: usize) -> Told {
        let mut rest = self.bytes.get(..used).unwrap_or_default();
        let mut told = Told::default();
        while let Some((level, kind, data, after)) = next(rest) {
            match (level, kind) {
                (libc::SOL_UDP, libc::UDP_GRO) => told.segment = segment(data),
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    told.local = data.get(8..12).and_then(v4).map(IpAddr::V4);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    told.local = data
                        .get(..16)
                        .and_then(v6)
                        .map(|address| IpAddr::V6(address).to_canonical());
                }
                _ => {}
            }
            rest = after;
        }
        told
    }
}

/// The first message of these: level, type, data, and what comes after it.
fn next(bytes: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let length = usize::from_ne_bytes(bytes.get(..WORD)?.try_into().ok()?);
    let level = i32::from_ne_bytes(bytes.get(WORD..WORD + 4)?.try_into().ok()?);
    let kind = i32::from_ne_bytes(bytes.get(WORD + 4..HEADER)?.try_into().ok()?);
    let data = bytes.get(HEADER..length)?;
    let after = length
        .checked_next_multiple_of(WORD)
        .and_then(|end| bytes.get(end..))
        .unwrap_or_default();
    Some((level, kind, data, after))
}

fn segment(data: &[u8]) -> Option<usize> {
    let bytes = i32::from_ne_bytes(data.get(..4)?.try_into().ok()?);
    usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

fn v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)
}

fn v6(bytes: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(bytes).ok().map(Ipv6Addr::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_control_bytes_panic(bytes: [u8; 32], used in 0usize..200) {
            let mut control = Control::new();
            control.bytes[..32].copy_from_slice(&bytes);
            let _ = control.read(used);
        }

        #[test]
        fn an_ipv6_address_is_read_as_it_is_written(source: [u8; 16], segment: u16) {
            let mut control = Control::new();
            control.push_segment(segment);
            control.push_source(IpAddr::V6(source.into()));
            let read = control.read(control.used);
            prop_assert_eq!(read.local, Some(IpAddr::V6(source.into()).to_canonical()));
        }
    }
}
