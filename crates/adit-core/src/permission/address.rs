//! From which addresses a credential is good.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// From which addresses an API token is good. The empty rule permits all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressRule {
    /// If not empty, only from these.
    #[serde(rename = "in")]
    pub allowed: Vec<IpNet>,
    /// Never from these.
    #[serde(rename = "not_in")]
    pub denied: Vec<IpNet>,
}

impl AddressRule {
    /// Whether a request from there is let in; one from nowhere known only if there is nothing to obey.
    #[must_use]
    pub fn permits(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return self.is_empty();
        };
        let lies_in = |nets: &[IpNet]| nets.iter().any(|net| canonical(*net).contains(&address));
        !lies_in(&self.denied) && (self.allowed.is_empty() || lies_in(&self.allowed))
    }

    /// Whether it permits every address that `other` permits.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let (allowed, denied) = (IpNet::aggregate(&self.allowed), IpNet::aggregate(&other.denied));
        let covered = |net: &IpNet, by: &[IpNet]| by.iter().any(|one| one.contains(net));
        let is_allowed = |net: &IpNet| covered(net, &allowed) || covered(net, &denied);
        if !self.allowed.is_empty() && (other.allowed.is_empty() || !other.allowed.iter().all(is_allowed)) {
            return false;
        }
        // What is denied here must be denied there, as far as it is allowed there.
        self.denied.iter().all(|own| {
            if other.allowed.is_empty() {
                return covered(own, &denied);
            }
            other.allowed.iter().all(|net| {
                let common = if own.contains(net) { net } else { own };
                !(own.contains(net) || net.contains(own)) || covered(common, &denied)
            })
        })
    }

    /// Whether it permits all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.denied.is_empty()
    }
}

/// A network of IPv4 addresses in IPv6 form is that of the IPv4 addresses, as each of its addresses is.
fn canonical(net: IpNet) -> IpNet {
    /// The bits before an IPv4 address in IPv6 form.
    const MAPPED: u8 = 96;
    let IpNet::V6(six) = net else { return net };
    let four = six.network().to_ipv4_mapped();
    let length = six.prefix_len().checked_sub(MAPPED);
    let four = four
        .zip(length)
        .and_then(|(first, length)| Ipv4Net::new(first, length).ok());
    four.map_or(net, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(allowed: &[&str], denied: &[&str]) -> AddressRule {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        AddressRule {
            allowed: nets(allowed),
            denied: nets(denied),
        }
    }

    #[test]
    fn an_address_must_be_allowed_and_not_denied() {
        let permits = |rule: &AddressRule, address: &str| rule.permits(Some(address.parse().unwrap()));
        let inside = rule(&["192.0.2.0/24", "2001:db8::/32"], &["192.0.2.7/32"]);
        assert!(permits(&inside, "192.0.2.1") && permits(&inside, "2001:db8::1"));
        assert!(
            permits(&inside, "::ffff:192.0.2.1"),
            "an IPv4 address in IPv6 form"
        );
        for refused in ["192.0.2.7", "::ffff:192.0.2.7", "198.51.100.1", "::1"] {
            assert!(!permits(&inside, refused), "{refused}");
        }
        let outside = rule(&[], &["192.0.2.0/24"]);
        assert!(permits(&outside, "198.51.100.1") && !permits(&outside, "192.0.2.1"));
    }

    #[test]
    fn a_network_of_ipv4_addresses_in_ipv6_form_is_theirs() {
        let permits = |rule: &AddressRule, address: &str| rule.permits(Some(address.parse().unwrap()));
        let inside = rule(&["::ffff:192.0.2.0/120"], &["::ffff:192.0.2.7/128"]);
        for permitted in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert!(permits(&inside, permitted), "{permitted}");
        }
        for refused in ["192.0.2.7", "::ffff:192.0.2.7", "192.0.3.1", "::1"] {
            assert!(!permits(&inside, refused), "{refused}");
        }
        let all_of_ipv4 = rule(&["::ffff:0:0/96"], &[]);
        assert!(permits(&all_of_ipv4, "198.51.100.1") && !permits(&all_of_ipv4, "2001:db8::1"));
        let all_of_ipv6 = rule(&["::/0"], &[]);
        assert!(permits(&all_of_ipv6, "2001:db8::1") && !permits(&all_of_ipv6, "198.51.100.1"));
    }

    #[test]
    fn a_rule_contains_what_permits_no_more() {
        let none = rule(&[], &[]);
        let office = rule(&["192.0.2.0/24"], &["192.0.2.9/32"]);
        assert!(none.contains(&office) && none.contains(&none) && office.contains(&office));
        for within in [
            rule(&["192.0.2.0/29"], &[]),
            rule(&["192.0.2.0/28"], &["192.0.2.8/30"]),
            rule(&["192.0.2.128/25", "192.0.2.0/25"], &["192.0.2.9/32"]),
            rule(&["192.0.2.1/32", "198.51.100.0/24"], &["198.51.100.0/24"]),
        ] {
            assert!(office.contains(&within), "{within:?}");
        }
        for wider in [
            none,
            rule(&["192.0.2.0/24"], &[]),
            rule(&["192.0.2.8/29"], &[]),
            rule(&["192.0.2.9/32"], &[]),
            rule(&[], &["192.0.2.9/32"]),
            rule(&["192.0.0.0/16"], &["192.0.2.9/32"]),
            rule(&["192.0.2.1/32", "198.51.100.0/24"], &["198.51.100.0/25"]),
        ] {
            assert!(!office.contains(&wider), "{wider:?}");
        }
        let but_guests = rule(&[], &["203.0.113.0/24"]);
        assert!(but_guests.contains(&rule(&["192.0.2.0/24"], &[])));
        assert!(but_guests.contains(&rule(&[], &["203.0.113.0/25", "203.0.113.128/25"])));
        assert!(!but_guests.contains(&rule(&[], &["203.0.113.0/25"])));
        assert!(!but_guests.contains(&rule(&["203.0.112.0/23"], &[])));
    }

    fn any_rule() -> impl Strategy<Value = AddressRule> {
        let net = || (0_u8..16, 28_u8..=32).prop_map(|(last, length)| net([192, 0, 2, last], length));
        let nets = move || proptest::collection::vec(net(), 0..4);
        (nets(), nets()).prop_map(|(allowed, denied)| AddressRule { allowed, denied })
    }

    fn net(address: [u8; 4], length: u8) -> IpNet {
        IpNet::new(IpAddr::from(address), length).unwrap().trunc()
    }

    proptest! {
        #[test]
        fn what_a_contained_rule_permits_is_permitted(one in any_rule(), two in any_rule()) {
            prop_assert!(one.contains(&one));
            if one.contains(&two) {
                prop_assert!(one.permits(None) || !two.permits(None));
                for last in 0..=32 {
                    let address = Some(IpAddr::from([192, 0, 2, last]));
                    prop_assert!(one.permits(address) || !two.permits(address), "{address:?}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_address_passes_no_rule_but_the_empty_one() {
        assert!(AddressRule::default().permits(None));
        assert!(!rule(&[], &["192.0.2.0/24"]).permits(None));
    }
}
