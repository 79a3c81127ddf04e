//! Control connections as they come, and the tasks that serve them.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use adit_net::mesh::{ControlStream, ControlStreams};
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Trouble, desk::Desk};
use crate::control::server::serve;

/// The most connections of which nobody knows yet whose they are.
const MOST_STRANGERS: usize = 1024;
/// The most of them from one address.
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
struct Strangers {
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

    fn place(&self, address: IpAddr) -> Option<StrangersPlace> {
        let mut strangers = self.strangers.lock();
        let of_one = strangers.by_address.get(&address).copied().unwrap_or_default();
        if strangers.all >= MOST_STRANGERS || of_one >= MOST_OF_ONE {
            return None;
        }
        strangers.all += 1;
        strangers.by_address.insert(address, of_one + 1);
        drop(strangers);
        Some(StrangersPlace {
            strangers: Arc::clone(&self.strangers),
            address,
        })
    }
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
        let Some(place) = self.place(remote.ip().to_canonical()) else {
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
