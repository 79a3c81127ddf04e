//! How often one client may ask.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::client_address::network_of;

/// Requests of one client within [`WINDOW`].
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are remembered at once. Whoever comes beyond them waits: that many in a minute are no people.
const MOST_CLIENTS: usize = 4096;

/// Counts requests: 5 within a minute for each client.
///
/// A client is an IPv4 address or an IPv6 network of 64 bits, since whoever has one address of that has them all.
/// Holds no clock. What it remembers is bounded: 4096 clients.
#[derive(Debug, Default)]
pub struct RateLimit {
    /// When each client asked, oldest first; never empty, never more than [`MOST`].
    clients: BTreeMap<IpAddr, Vec<Instant>>,
}

impl RateLimit {
    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait before the next one would be let in. A refused request does not count.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.clients.retain(|_, asked| {
            asked.retain(|at| now.saturating_duration_since(*at) < WINDOW);
            !asked.is_empty()
        });
        let client = network_of(address);
        if self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&client) {
            return Err(WINDOW);
        }
        let asked = self.clients.entry(client).or_default();
        match asked.first() {
            Some(first) if asked.len() >= MOST => Err(WINDOW - now.saturating_duration_since(*first)),
            _ => {
                asked.push(now);
                Ok(())
            }
        }
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
        let (mut limit, start) = (RateLimit::default(), Instant::now());
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
    fn a_network_of_64_bits_is_one_client_and_a_mapped_address_is_its_ipv4_one() {
        let (mut limit, now) = (RateLimit::default(), Instant::now());
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
        let (mut limit, now) = (RateLimit::default(), Instant::now());
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
            let (mut limit, mut now) = (RateLimit::default(), Instant::now());
            let mut admitted: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_secs(gap);
                match limit.admit(ip("192.0.2.1"), now) {
                    Ok(()) => admitted.push(now),
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= WINDOW);
                        let mut then = RateLimit { clients: limit.clients.clone() };
                        prop_assert_eq!(then.admit(ip("192.0.2.1"), now + wait), Ok(()));
                    }
                }
            }
            for window in admitted.windows(MOST + 1) {
                prop_assert!(window[MOST] - window[0] >= WINDOW);
            }
        }
    }
}
