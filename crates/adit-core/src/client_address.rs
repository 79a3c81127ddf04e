//! Who a client is when proxies stand before the server.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// Whether the proxy at this address is believed.
#[must_use]
pub fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|net| net.contains(&address))
}

/// The client's own address. `peer` is who connected, `told` the items of `X-Forwarded-For` in their order.
///
/// Read from the right, because each trusted proxy vouches for the address before it: the first one that is no
/// trusted proxy is the client. It is `peer` if that is no trusted proxy, or if nothing but trusted proxies comes before
/// an item that is no address. IPv4 in IPv6 form is IPv4.
pub fn client_address<'a>(
    trusted: &[IpNet],
    peer: IpAddr,
    told: impl DoubleEndedIterator<Item = &'a str>,
) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(trusted, peer) {
        return peer;
    }
    told.rev()
        .map_while(|item| item.parse::<IpAddr>().ok())
        .map(|told| told.to_canonical())
        .find(|told| !is_trusted(trusted, *told))
        .unwrap_or(peer)
}

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, since whoever has one address of that has
/// them all.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(peer: &str, told: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_address(&trusted, peer.parse().unwrap(), told.iter().copied()).to_string()
    }

    #[test]
    fn a_stranger_is_who_it_connects_as() {
        assert_eq!(client("198.51.100.1", &["6.6.6.6"]), "198.51.100.1");
        assert_eq!(client("::ffff:198.51.100.1", &["6.6.6.6"]), "198.51.100.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_stranger() {
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6", "203.0.113.9", "10.0.0.2"]),
            "203.0.113.9"
        );
        assert_eq!(
            client("::ffff:10.0.0.1", &["6.6.6.6", "::ffff:203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(
            client("fd00::1", &["2001:db8::1", "::ffff:10.0.0.2"]),
            "2001:db8::1"
        );
    }

    #[test]
    fn without_a_stranger_it_is_the_proxy_itself() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.2"]), "10.0.0.1");
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6", "unknown", "10.0.0.2"]),
            "10.0.0.1"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_told_a_stranger_to_the_left_of_a_stranger_is_never_believed(
            said in prop::collection::vec(".{0,20}", 0..4), proxies in 0..3_usize,
        ) {
            let mut told: Vec<&str> = said.iter().map(String::as_str).collect();
            told.push("203.0.113.9");
            told.extend(vec!["10.0.0.2"; proxies]);
            prop_assert_eq!(client("10.0.0.1", &told), "203.0.113.9");
        }
    }
}
