//! What a TCP service is told of its client before the first byte: the PROXY protocol, versions 1 and 2, of HAProxy.

use std::net::{IpAddr, SocketAddr};

/// What opens every header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXIED: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// The line of version 1: whose connection it is, and to where. Without a known client it says so.
#[must_use]
pub fn encode_v1(client: Option<SocketAddr>, to: SocketAddr) -> Vec<u8> {
    let Some(client) = client else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let (client, to) = alike(client, to);
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, port, at, to_port) = (client.ip(), client.port(), to.ip(), to.port());
    format!("PROXY {family} {from} {at} {port} {to_port}\r\n").into_bytes()
}

/// The header of version 2. Without a known client it says that nobody's connection was passed on.
#[must_use]
pub fn encode_v2(client: Option<SocketAddr>, to: SocketAddr) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    let Some(client) = client else {
        bytes.extend([LOCAL, 0, 0, 0]);
        return bytes;
    };
    let (client, to) = alike(client, to);
    let (family, length) = match client.ip() {
        IpAddr::V4(_) => (TCP_OVER_IPV4, 12_u16),
        IpAddr::V6(_) => (TCP_OVER_IPV6, 36),
    };
    bytes.extend([PROXIED, family]);
    bytes.extend(length.to_be_bytes());
    for ip in [client.ip(), to.ip()] {
        match ip {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
    }
    bytes.extend(client.port().to_be_bytes());
    bytes.extend(to.port().to_be_bytes());
    bytes
}

/// Both addresses in one family: IPv4 if both are, else IPv6.
fn alike(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    let [first, second] = [one, other].map(|address| address.ip().to_canonical());
    if first.is_ipv4() == second.is_ipv4() {
        return (
            SocketAddr::new(first, one.port()),
            SocketAddr::new(second, other.port()),
        );
    }
    let mapped = |ip| match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V6(_) => ip,
    };
    (
        SocketAddr::new(mapped(first), one.port()),
        SocketAddr::new(mapped(second), other.port()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_names_client_and_destination() {
        let line = |client: Option<&str>, to| String::from_utf8(encode_v1(client.map(at), at(to))).unwrap();
        assert_eq!(
            line(Some("192.0.2.1:1000"), "10.0.0.1:22"),
            "PROXY TCP4 192.0.2.1 10.0.0.1 1000 22\r\n"
        );
        assert_eq!(
            line(Some("[2001:db8::1]:1000"), "10.0.0.1:22"),
            "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1000 22\r\n"
        );
        assert_eq!(line(None, "10.0.0.1:22"), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn a_header_holds_addresses_of_one_family() {
        let four = encode_v2(Some(at("192.0.2.1:258")), at("10.0.0.1:22"));
        assert_eq!(four[..12], SIGNATURE);
        assert_eq!(
            four[12..],
            [0x21, 0x11, 0, 12, 192, 0, 2, 1, 10, 0, 0, 1, 1, 2, 0, 22]
        );
        let six = encode_v2(Some(at("[2001:db8::1]:1")), at("10.0.0.1:22"));
        assert_eq!((&six[12..16], six.len()), (&[0x21, 0x21, 0, 36][..], 52));
        assert_eq!(encode_v2(None, at("10.0.0.1:22"))[12..], [0x20, 0, 0, 0]);
    }
}
