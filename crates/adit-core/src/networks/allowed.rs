//! Which addresses no private route leads to, unless the operator says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// Where the machines of hosting companies tell secrets to whoever asks, outside of link-local networks.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// What private routes may lead to. Loopback, link-local, multicast and unspecified addresses, those that tell a
/// machine its secrets, and the server's own listeners are refused unless the operator lists them; any other address
/// is a route's own matter. What an IPv6 address only carries, an IPv4 address, is judged as itself.
#[derive(Debug, Clone, Default)]
pub struct Reachable {
    allowed: Vec<IpNet>,
    listeners: Vec<SocketAddr>,
}

impl Reachable {
    /// `allowed` is what the operator lists, `listeners` where the server itself listens; one that listens on all
    /// addresses is there at each of this machine's own.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>, listeners: Vec<SocketAddr>) -> Self {
        Self { allowed, listeners }
    }

    /// Whether a private route may lead there. `is_own` tells whether an address is one of this machine's.
    pub fn permits(&self, to: SocketAddr, is_own: impl Fn(IpAddr) -> bool) -> bool {
        let address = to.ip().to_canonical();
        if self.allowed.iter().any(|net| net.contains(&address)) {
            return true;
        }
        let meant = carried(address).unwrap_or(address);
        !is_local(meant) && !is_local(address) && !self.is_listener(SocketAddr::new(meant, to.port()), is_own)
    }

    fn is_listener(&self, to: SocketAddr, is_own: impl Fn(IpAddr) -> bool) -> bool {
        self.listeners.iter().any(|listener| {
            listener.port() == to.port()
                && if listener.ip().is_unspecified() {
                    is_own(to.ip())
                } else {
                    listener.ip().to_canonical() == to.ip()
                }
        })
    }
}

fn is_local(address: IpAddr) -> bool {
    let kind = match address {
        IpAddr::V4(v4) => {
            v4.octets().starts_with(&[0])
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                // One company's services for its machines: fd00:ec2::/32.
                || v6.segments().starts_with(&[0xfd00, 0xec2])
        }
    };
    kind || METADATA.contains(&address)
}

/// The IPv4 address that a translator or a tunnel on the way would make of an IPv6 address: RFC 4291 (2.5.5.1), RFC 6052,
/// RFC 3056.
fn carried(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let bits = v6.to_bits();
    let last = Ipv4Addr::from_bits(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default());
    let four = match v6.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => last,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => last,
        [0x2002, high, low, ..] => Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)),
        _ => return None,
    };
    Some(IpAddr::V4(four))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reachable(allowed: &[&str], listeners: &[&str]) -> Reachable {
        Reachable::new(
            allowed.iter().map(|text| text.parse().unwrap()).collect(),
            listeners.iter().map(|text| text.parse().unwrap()).collect(),
        )
    }

    fn permits(reachable: &Reachable, to: &str) -> bool {
        let own: IpAddr = "203.0.113.1".parse().unwrap();
        reachable.permits(to.parse().unwrap(), |address| address == own)
    }

    #[test]
    fn what_is_local_to_a_machine_is_refused_in_every_form() {
        let none = reachable(&[], &[]);
        for to in [
            "127.0.0.1:80",
            "127.255.255.254:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::127.0.0.1]:80",
            "[64:ff9b::127.0.0.1]:80",
            "[64:ff9b:1::127.0.0.1]:80",
            "[2002:7f00:1::]:80",
            "0.0.0.0:80",
            "0.1.2.3:80",
            "[::]:80",
            "[::ffff:0.0.0.0]:80",
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[2002:a9fe:a9fe::1]:80",
            "169.254.1.1:80",
            "[fe80::1]:80",
            "[febf::1]:80",
            "[fd00:ec2::254]:80",
            "[fd20:ce::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
            "192.0.0.192:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "[ff02::1]:80",
        ] {
            assert!(!permits(&none, to), "{to}");
        }
    }

    #[test]
    fn what_routes_are_for_is_permitted() {
        let none = reachable(&[], &[]);
        for to in [
            "10.0.0.1:80",
            "192.168.1.1:22",
            "100.64.0.1:80",
            "198.51.100.1:443",
            "[fd12::1]:80",
            "[2001:db8::1]:80",
            "[::ffff:10.0.0.1]:80",
            "[64:ff9b::10.0.0.1]:80",
        ] {
            assert!(permits(&none, to), "{to}");
        }
    }

    #[test]
    fn the_operator_may_list_what_is_local() {
        let some = reachable(
            &["127.0.0.0/8", "fe80::/10", "169.254.1.0/24"],
            &["127.0.0.1:7844"],
        );
        for to in [
            "127.0.0.1:80",
            "[::ffff:127.0.0.1]:80",
            "127.0.0.1:7844",
            "[fe80::1]:80",
            "169.254.1.9:80",
        ] {
            assert!(permits(&some, to), "{to}");
        }
        for to in ["[::1]:80", "169.254.169.254:80"] {
            assert!(!permits(&some, to), "{to}");
        }
    }

    #[test]
    fn own_listeners_are_refused_where_they_listen() {
        let some = reachable(&[], &["192.0.2.1:7844", "0.0.0.0:8787"]);
        for to in [
            "192.0.2.1:7844",
            "[::ffff:192.0.2.1]:7844",
            "203.0.113.1:8787",
            "[::ffff:203.0.113.1]:8787",
        ] {
            assert!(!permits(&some, to), "{to}");
        }
        for to in [
            "192.0.2.1:7845",
            "192.0.2.2:7844",
            "203.0.113.2:8787",
            "203.0.113.1:7844",
        ] {
            assert!(permits(&some, to), "{to}");
        }
    }

    proptest! {
        #[test]
        fn no_form_of_an_ipv4_address_goes_where_the_address_may_not(bits: u32, port: u16) {
            let address = Ipv4Addr::from_bits(bits);
            let none = reachable(&[], &[]);
            let plain = none.permits(SocketAddr::new(address.into(), port), |_| false);
            let mapped = SocketAddr::new(address.to_ipv6_mapped().into(), port);
            prop_assert_eq!(none.permits(mapped, |_| false), plain);
            let translated = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(none.permits(SocketAddr::new(translated.into(), port), |_| false), plain);
        }
    }
}
