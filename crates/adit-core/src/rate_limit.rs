//! How often one client may ask.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are remembered at once. Whoever comes beyond them waits: that many in a minute are no people.
const MOST_CLIENTS: usize = 4096;

/// Counts what each client does, such as asking: so many times within a minute.
///
/// A client is an IPv4 address or an IPv6 network of 64 bits, since whoever has one address of that has them all.
/// Holds no clock. What it remembers is bounded: 4096 clients.
#[derive(Debug)]
pub struct RateLimit {
    most: usize,
    /// When each client asked, oldest first; never empty, never more than `most`.
    clients: BTreeMap<IpAddr, Vec<Instant>>,
}

impl RateLimit {
    /// So many times a minute, at least once.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            clients: BTreeMap::new(),
        }
    }

    /// Whether a client has done it as often as it may, without counting. One that is not remembered has not.
    #[must_use]
    pub fn is_reached(&self, address: IpAddr, now: Instant) -> bool {
        let asked = self.clients.get(&client(address));
        asked.is_some_and(|asked| {
            let lately = |at: &&Instant| now.saturating_duration_since(**at) < WINDOW;
            asked.iter().filter(lately).count() >= self.most
        })
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait before the next one would be let in. A refused request does not count.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.clients.retain(|_, asked| {
            asked.retain(|at| now.saturating_duration_since(*at) < WINDOW);
            !asked.is_empty()
        });
        let client = client(address);
        if self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&client) {
            return Err(WINDOW);
        }
        let asked = self.clients.entry(client).or_default();
        match asked.first() {
            Some(first) if asked.len() >= self.most => Err(WINDOW - now.saturating_duration_since(*first)),
            _ => {
                asked.push(now);
                Ok(())
            }
        }
    }
}

fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_sixth_request_of_a_minute_waits_for_the_first_to_be_forgotten() {
        let (mut limit, start) = (RateLimit::new(5), Instant::now());
        for second in 0..5 {
            let now = start + Duration::from_secs(second);
            assert_eq!(limit.admit(ip("192.0.2.1"), now), Ok(()));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(limit.admit(ip("192.0.2.1"), later), Err(Duration::from_secs(40)));
        assert_eq!(limit.admit(ip("192.0.2.2"), later), Ok(()), "another client");
        assert_eq!(limit.admit(ip("192.0.2.1"), start + WINDOW), Ok(()));
        assert_eq!(
            limit.admit(ip("192.0.2.1"), start + WINDOW),
            Err(Duration::from_secs(1)),
            "only the first one was forgotten"
        );
    }

    #[test]
    fn a_look_counts_nothing_and_forgets_after_a_minute() {
        let (mut limit, start) = (RateLimit::new(2), Instant::now());
        let client = ip("192.0.2.1");
        for second in 0..2 {
            let now = start + Duration::from_secs(second);
            assert!(!limit.is_reached(client, now) && !limit.is_reached(client, now));
            assert_eq!(limit.admit(client, now), Ok(()));
        }
        assert!(limit.is_reached(client, start + Duration::from_secs(59)));
        assert!(!limit.is_reached(client, start + WINDOW));
        assert!(!limit.is_reached(ip("192.0.2.2"), start));
    }

    #[test]
    fn a_network_of_64_bits_is_one_client_and_a_mapped_address_is_its_ipv4_one() {
        let (mut limit, now) = (RateLimit::new(5), Instant::now());
        for host in 1..=5 {
            assert_eq!(limit.admit(ip(&format!("2001:db8::{host}")), now), Ok(()));
        }
        assert!(limit.admit(ip("2001:db8::ffff"), now).is_err());
        assert_eq!(limit.admit(ip("2001:db8:0:1::1"), now), Ok(()));
        for _ in 0..5 {
            assert_eq!(limit.admit(ip("::ffff:192.0.2.1"), now), Ok(()));
        }
        assert!(limit.admit(ip("192.0.2.1"), now).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut limit, now) = (RateLimit::new(5), Instant::now());
        for client in 0..4096_u32 {
            assert_eq!(limit.admit(IpAddr::V4(client.into()), now), Ok(()));
        }
        assert_eq!(limit.admit(ip("192.0.2.1"), now), Err(WINDOW));
        assert_eq!(limit.admit(ip("0.0.0.1"), now), Ok(()), "a known client");
        assert_eq!(limit.admit(ip("192.0.2.1"), now + WINDOW), Ok(()));
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_five(gaps in prop::collection::vec(0u64..30, 1..60)) {
            let (mut limit, mut now) = (RateLimit::new(5), Instant::now());
            let mut admitted: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_secs(gap);
                match limit.admit(ip("192.0.2.1"), now) {
                    Ok(()) => admitted.push(now),
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= WINDOW);
                        let mut then = RateLimit { most: 5, clients: limit.clients.clone() };
                        prop_assert_eq!(then.admit(ip("192.0.2.1"), now + wait), Ok(()));
                    }
                }
            }
            for window in admitted.windows(6) {
                prop_assert!(window[5] - window[0] >= WINDOW);
            }
        }
    }
}
