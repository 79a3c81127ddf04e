//! How often one client may fail to show a good credential.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::client_address::network_of;

/// Failures of one client within [`WINDOW`], unless somebody says otherwise.
const MOST: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are remembered at once; beyond them the one that failed first is forgotten.
const MOST_CLIENTS: usize = 4096;

/// Counts failures: after so many (20) within a minute a client is not listened to until the minute is over.
///
/// A client is an IPv4 address or an IPv6 network of 64 bits. Who has not failed is never kept waiting, however many
/// others fail. Holds no clock. What it remembers is bounded: 4096 clients.
#[derive(Debug)]
pub struct FailureLimit {
    most: u32,
    clients: BTreeMap<IpAddr, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Instant,
}

impl Default for FailureLimit {
    fn default() -> Self {
        Self::new(MOST)
    }
}

impl FailureLimit {
    /// So many within a minute.
    #[must_use]
    pub const fn new(most: u32) -> Self {
        Self {
            most,
            clients: BTreeMap::new(),
        }
    }

    /// Whether a client is listened to.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(failures) = self.clients.get(&network_of(address)) else {
            return Ok(());
        };
        let passed = now.saturating_duration_since(failures.since);
        match WINDOW.checked_sub(passed) {
            Some(left) if failures.count >= self.most && !left.is_zero() => Err(left),
            _ => Ok(()),
        }
    }

    /// A client has failed.
    pub fn failed(&mut self, address: IpAddr, now: Instant) {
        let client = network_of(address);
        if !self.clients.contains_key(&client) {
            self.make_room(now);
        }
        let failures = self
            .clients
            .entry(client)
            .or_insert(Failures { count: 0, since: now });
        if now.saturating_duration_since(failures.since) >= WINDOW {
            *failures = Failures { count: 0, since: now };
        }
        failures.count = failures.count.saturating_add(1);
    }

    fn make_room(&mut self, now: Instant) {
        if self.clients.len() < MOST_CLIENTS {
            return;
        }
        self.clients
            .retain(|_, failures| now.saturating_duration_since(failures.since) < WINDOW);
        if self.clients.len() < MOST_CLIENTS {
            return;
        }
        let first = self.clients.iter().min_by_key(|(_, failures)| failures.since);
        if let Some(client) = first.map(|(client, _)| *client) {
            self.clients.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_twenty_failures_a_client_waits_until_their_minute_is_over() {
        let (mut limit, start) = (FailureLimit::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        for second in 0..20 {
            assert_eq!(limit.check(ip("192.0.2.1"), at(second)), Ok(()));
            limit.failed(ip("::ffff:192.0.2.1"), at(second));
        }
        assert_eq!(limit.check(ip("192.0.2.1"), at(20)), Err(Duration::from_secs(40)));
        assert_eq!(limit.check(ip("192.0.2.2"), at(20)), Ok(()), "another client");
        assert_eq!(limit.check(ip("192.0.2.1"), at(60)), Ok(()));
        limit.failed(ip("192.0.2.1"), at(61));
        assert_eq!(limit.check(ip("192.0.2.1"), at(61)), Ok(()), "a new minute");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let (mut limit, now) = (FailureLimit::default(), Instant::now());
        for host in 0..20 {
            limit.failed(ip(&format!("2001:db8::{host:x}")), now);
        }
        assert!(limit.check(ip("2001:db8::ffff"), now).is_err());
        assert!(limit.check(ip("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_nobody_else_waits_for_it() {
        let (mut limit, now) = (FailureLimit::default(), Instant::now());
        for client in 0..10_000_u32 {
            limit.failed(IpAddr::V4(client.into()), now);
        }
        assert_eq!(limit.clients.len(), MOST_CLIENTS);
        assert_eq!(limit.check(ip("192.0.2.1"), now), Ok(()));
    }
}
