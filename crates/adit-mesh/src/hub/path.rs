//! How long packets may be on the way to a member.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsFd,
};

use rustix::net::sockopt;

use crate::noise::OVERHEAD;

/// What IPv6 asks of every link. Below, outer datagrams are fragmented instead.
pub(crate) const LEAST_MTU: u16 = 1280;
const UDP_BYTES: usize = 8;
const V4_BYTES: usize = 20;
const V6_BYTES: usize = 40;
/// WireGuard pads packets to a multiple of this.
const PADDING: u16 = 16;

/// What the kernel knows of the path to an address, without sending anything: the MTU of the interface, or what routers
/// have said. `None` if it knows no way.
pub(crate) fn mtu_to(remote: SocketAddr) -> Option<u32> {
    let any = match remote {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(remote).ok()?;
    match remote {
        SocketAddr::V4(_) => sockopt::ip_mtu(socket.as_fd()).ok(),
        SocketAddr::V6(_) => sockopt::ipv6_mtu(socket.as_fd()).ok(),
    }
}

/// How long a packet inside the mesh may be, if a datagram to `remote` may have `path` bytes with all headers.
pub(crate) fn inner_mtu(remote: SocketAddr, path: u32) -> u16 {
    let ip = match remote {
        SocketAddr::V4(_) => V4_BYTES,
        SocketAddr::V6(_) => V6_BYTES,
    };
    let path = usize::try_from(path).unwrap_or(usize::MAX);
    let inner = path.saturating_sub(ip + UDP_BYTES + OVERHEAD);
    let inner = u16::try_from(inner).unwrap_or(u16::MAX);
    (inner / PADDING * PADDING).max(LEAST_MTU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_carries_packets_with_their_padding_and_wireguards_headers() {
        let four = SocketAddr::from(([192, 0, 2, 1], 7));
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 7));
        assert_eq!((inner_mtu(four, 1500), inner_mtu(six, 1500)), (1440, 1408));
        assert_eq!((inner_mtu(four, 1400), inner_mtu(six, 1400)), (1328, 1312));
        assert_eq!((inner_mtu(four, 1280), inner_mtu(six, 0)), (1280, 1280));
        assert_eq!(inner_mtu(four, 65_536), 65_472);
    }

    #[test]
    fn the_kernel_knows_the_path_to_this_machine() {
        assert!(mtu_to(SocketAddr::from(([127, 0, 0, 1], 7))).is_some_and(|mtu| mtu >= 1500));
    }
}
