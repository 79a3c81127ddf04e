//! Where the system would send packets from, asked without sending any.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The local address from which packets would leave for `peer` now.
///
/// # Errors
/// If there is no route, or no socket.
pub fn source_towards(peer: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // On UDP this only looks the route up.
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

/// Whether this machine has the address now.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_from_loopback() {
        let source = source_towards(SocketAddr::from((Ipv4Addr::LOCALHOST, 7844))).unwrap();
        assert_eq!(source, IpAddr::from(Ipv4Addr::LOCALHOST));
        assert!(is_local(source));
    }

    #[test]
    fn an_address_of_nobody_is_not_local() {
        assert!(!is_local(Ipv4Addr::new(192, 0, 2, 1).into()));
    }
}
