//! Which client's connection a listener has room for.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Instant};

use adit_core::client_address::{is_trusted, network_of};
use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::complaint::Complaint;

/// The part of all places that one address may have: a half leaves room for everybody else, and is more than the
/// people behind one router need.
const SHARE: usize = 2;

/// How many places each client has.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The places of a listener.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    taken: Taken,
    most_of_one: usize,
    trusted: Vec<IpNet>,
    /// Whose clients these are, for the log.
    listener: &'static str,
    all_taken: Complaint,
    one_has_many: Complaint,
}

/// A place that nobody has yet.
pub(crate) struct FreePlace(OwnedSemaphorePermit);

/// A client's place, free again when this is dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    counted: Option<(IpAddr, Taken)>,
}

impl Places {
    /// So many; `trusted` are proxies.
    pub(crate) fn new(most: usize, trusted: Vec<IpNet>, listener: &'static str) -> Self {
        Self {
            free: Arc::new(Semaphore::new(most)),
            taken: Arc::default(),
            most_of_one: (most / SHARE).max(1),
            trusted,
            listener,
            all_taken: Complaint::default(),
            one_has_many: Complaint::default(),
        }
    }

    /// Waits for a free place. Until there is one, who dials stays in the system's queue.
    pub(crate) async fn free(&mut self) -> Option<FreePlace> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(FreePlace(permit));
        }
        if self.all_taken.is_due(Instant::now()) {
            warn!(
                listener = self.listener,
                "there are as many connections of clients as there may be; new ones wait"
            );
        }
        let permit = Arc::clone(&self.free).acquire_owned().await;
        permit.ok().map(FreePlace)
    }

    /// Gives a place to a client; none if its address has too many. Proxies, which bring many clients, are not counted:
    /// those that are trusted, and those on this machine.
    pub(crate) fn seat(&mut self, FreePlace(permit): FreePlace, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if address.is_loopback() || is_trusted(&self.trusted, address) {
            return Some(Place {
                _permit: permit,
                counted: None,
            });
        }
        let network = network_of(address);
        let mut taken = self.taken.lock();
        let count = taken.entry(network).or_default();
        if *count >= self.most_of_one {
            if self.one_has_many.is_due(Instant::now()) {
                warn!(
                    listener = self.listener, client = %address, connections = *count,
                    "half of all connections are one client's; its further ones are closed"
                );
            }
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place {
            _permit: permit,
            counted: Some((network, Arc::clone(&self.taken))),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((network, taken)) = &self.counted else {
            return;
        };
        let mut taken = taken.lock();
        if let Some(count) = taken.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places::new(4, vec!["10.0.0.0/8".parse().unwrap()], "tests")
    }

    async fn seat(places: &mut Places, address: &str) -> Option<Place> {
        let free = places.free().await.unwrap();
        places.seat(free, address.parse().unwrap())
    }

    #[tokio::test]
    async fn one_address_gets_half_of_the_places_and_others_the_rest() {
        let mut places = places();
        let first = seat(&mut places, "192.0.2.1").await.unwrap();
        let _second = seat(&mut places, "::ffff:192.0.2.1").await.unwrap();
        assert!(seat(&mut places, "192.0.2.1").await.is_none());
        let _other = seat(&mut places, "192.0.2.2").await.unwrap();
        drop(first);
        seat(&mut places, "192.0.2.1").await.unwrap();
    }

    #[tokio::test]
    async fn a_network_of_64_bits_is_one_client() {
        let mut places = places();
        let _two = [
            seat(&mut places, "2001:db8::1").await.unwrap(),
            seat(&mut places, "2001:db8::2").await.unwrap(),
        ];
        assert!(seat(&mut places, "2001:db8::3").await.is_none());
        assert!(seat(&mut places, "2001:db8:0:1::1").await.is_some());
    }

    #[tokio::test]
    async fn proxies_may_have_all_places_and_leave_nothing_behind() {
        for proxy in ["10.1.2.3", "127.0.0.1", "::1"] {
            let mut places = places();
            let mut all = Vec::new();
            for _ in 0..4 {
                all.push(seat(&mut places, proxy).await.unwrap());
            }
            assert!(places.free.try_acquire().is_err());
            all.clear();
            drop(seat(&mut places, "192.0.2.1").await.unwrap());
            assert!(places.taken.lock().is_empty());
        }
    }
}
