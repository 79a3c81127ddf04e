//! The addresses of private host names, for as long as their resolvers say.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{Hostname, TunnelKey};

/// Names that are kept at once. While there are so many, others are looked up each time.
const MOST: usize = 4096;
/// The longest time that anything is kept.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Addresses of names, each as one tunnel's resolver knows it. Holds no clock.
#[derive(Debug, Default)]
pub(super) struct NameCache {
    known: HashMap<(TunnelKey, Hostname), Known>,
}

#[derive(Debug)]
struct Known {
    addresses: Arc<[IpAddr]>,
    until: Instant,
}

impl NameCache {
    /// What is known of a name, if it still holds.
    pub(super) fn get(&self, tunnel: TunnelKey, name: &Hostname, now: Instant) -> Option<Arc<[IpAddr]>> {
        let known = self.known.get(&(tunnel, name.clone()))?;
        (now < known.until).then(|| Arc::clone(&known.addresses))
    }

    /// Keeps the addresses of a name for so long.
    pub(super) fn keep(
        &mut self,
        tunnel: TunnelKey,
        name: Hostname,
        addresses: Arc<[IpAddr]>,
        ttl: Duration,
        now: Instant,
    ) {
        if self.known.len() >= MOST {
            self.known.retain(|_, known| now < known.until);
        }
        if self.known.len() < MOST && !ttl.is_zero() && !addresses.is_empty() {
            let until = now + ttl.min(LONGEST);
            self.known.insert((tunnel, name), Known { addresses, until });
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, TunnelId};

    use super::*;

    fn tunnel() -> TunnelKey {
        TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        }
    }

    fn address() -> Arc<[IpAddr]> {
        Arc::new(["10.0.0.1".parse().unwrap()])
    }

    #[test]
    fn a_name_is_known_for_its_time_to_one_tunnel() {
        let (mut cache, start, own) = (NameCache::default(), Instant::now(), tunnel());
        let name: Hostname = "db.corp".parse().unwrap();
        let ttl = Duration::from_secs(30);
        cache.keep(own, name.clone(), address(), ttl, start);
        assert_eq!(cache.get(own, &name, start + ttl / 2), Some(address()));
        assert_eq!(cache.get(own, &name, start + ttl), None);
        assert_eq!(cache.get(tunnel(), &name, start), None);
        cache.keep(own, name.clone(), address(), LONGEST * 24, start);
        assert_eq!(
            cache.get(own, &name, start + LONGEST),
            None,
            "no longer than that"
        );
    }

    #[test]
    fn what_is_not_to_be_kept_is_not_and_what_is_kept_is_bounded() {
        let (mut cache, now, own) = (NameCache::default(), Instant::now(), tunnel());
        let name: Hostname = "db.corp".parse().unwrap();
        cache.keep(own, name.clone(), address(), Duration::ZERO, now);
        cache.keep(own, name.clone(), Arc::new([]), LONGEST, now);
        assert_eq!(cache.get(own, &name, now), None);
        for number in 0..MOST + 10 {
            let name = format!("n{number}.corp").parse().unwrap();
            cache.keep(own, name, address(), Duration::from_secs(1), now);
        }
        assert_eq!(cache.known.len(), MOST);
        let later = now + Duration::from_secs(1);
        cache.keep(own, name.clone(), address(), LONGEST, later);
        assert_eq!(cache.get(own, &name, later), Some(address()));
    }
}
