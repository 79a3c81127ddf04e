//! Control connections as they come, and the tasks that serve them.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use adit_core::client_address::network_of;
use adit_net::mesh::{ControlStream, ControlStreams};
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Trouble, desk::Desk};
use crate::control::server::serve;

/// The most connections of which nobody knows yet whose they are.
const MOST_STRANGERS: usize = 1024;
/// The most of them from one address, or from one network of a host with many (an IPv6 /64).
const MOST_OF_ONE: usize = MOST_STRANGERS / 2;

/// Owns every task of a server.
pub(super) struct Arrivals {
    desk: Arc<Desk>,
    /// Those that serve connections.
    connections: TaskTracker,
    /// Those that keep up with the store.
    keepers: TaskTracker,
    strangers: Arc<Mutex<Strangers>>,
    ended: CancellationToken,
}

#[derive(Default)]
pub(super) struct Strangers {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place of one connection until it is known whose it is.
pub(crate) struct StrangersPlace {
    strangers: Arc<Mutex<Strangers>>,
    address: IpAddr,
}

impl Arrivals {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            connections: TaskTracker::new(),
            keepers: TaskTracker::new(),
            strangers: Arc::default(),
            ended: CancellationToken::new(),
        }
    }

    /// Keeps up with the store until the server is over.
    pub(super) fn keep(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.own(&self.keepers, work);
    }

    /// Serves a connection until the server is over.
    pub(super) fn serve(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.own(&self.connections, work);
    }

    fn own(&self, tasks: &TaskTracker, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.ended.clone();
        tasks.spawn(async move {
            ended.run_until_cancelled(work).await;
        });
    }

    pub(super) async fn stop(&self, goodbye: Duration) {
        self.desk.stop();
        self.connections.close();
        let _ = timeout(goodbye, self.connections.wait()).await;
        self.end();
        self.connections.wait().await;
        self.keepers.wait().await;
    }

    pub(super) fn end(&self) {
        self.desk.stop();
        self.ended.cancel();
        self.connections.close();
        self.keepers.close();
    }
}

/// A place for one more from this address; `None` if there are too many, of it or of all.
pub(super) fn place(strangers: &Arc<Mutex<Strangers>>, address: IpAddr) -> Option<StrangersPlace> {
    let address = network_of(address.to_canonical());
    let mut all = strangers.lock();
    let of_one = all.by_address.get(&address).copied().unwrap_or_default();
    if all.all >= MOST_STRANGERS || of_one >= MOST_OF_ONE {
        return None;
    }
    all.all += 1;
    all.by_address.insert(address, of_one + 1);
    drop(all);
    Some(StrangersPlace {
        strangers: Arc::clone(strangers),
        address,
    })
}

impl Drop for StrangersPlace {
    fn drop(&mut self) {
        let mut strangers = self.strangers.lock();
        strangers.all = strangers.all.saturating_sub(1);
        if let Some(of_one) = strangers.by_address.get_mut(&self.address) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                strangers.by_address.remove(&self.address);
            }
        }
    }
}

impl ControlStreams for Arrivals {
    fn accept(&self, stream: ControlStream) {
        let remote = stream.remote_address();
        if self.desk.is_stopping() {
            return;
        }
        let Some(place) = place(&self.strangers, remote.ip()) else {
            self.desk.complain(
                Trouble::Crowd,
                Some(remote),
                &"too many connections that have not said whose they are",
            );
            return;
        };
        let exporter = stream.exporter();
        let serving = serve(Arc::clone(&self.desk), stream, exporter, remote, place);
        self.own(&self.connections, serving);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_many_addresses_gets_half_of_the_places() {
        let strangers = Arc::new(Mutex::new(Strangers::default()));
        let seat = |address: String| place(&strangers, address.parse().unwrap());
        let taken: Vec<_> = (0..MOST_STRANGERS)
            .filter_map(|number| seat(format!("2001:db8::{number:x}")))
            .collect();
        assert_eq!(taken.len(), MOST_OF_ONE);
        assert!(seat("2001:db8:0:1::1".to_owned()).is_some(), "another host");
        drop(taken);
        assert!(seat("2001:db8::1".to_owned()).is_some(), "places are given back");
        assert!(strangers.lock().by_address.is_empty());
    }
}
