//! Whoever holds the replicas of sites, saying what they are told to.

use std::time::Duration;

use adit_core::{
    ha::Epoch,
    port::{AskError, ChangeNumber, Eviction, FailoverError, FailoverRequest, LiveReplica, SiteControl},
};
use adit_model::{ConnectionId, ConnectorId, TunnelKey};
use async_trait::async_trait;
use parking_lot::Mutex;

/// Makes every replica active, or fails as told. Remembers what it was asked, and which replicas it is said to hold.
#[derive(Default)]
pub(crate) struct ScriptedSites {
    pub(crate) asked: Mutex<Vec<FailoverRequest>>,
    pub(crate) evictions: Mutex<Vec<Eviction>>,
    /// Up to which change the questions were to wait.
    pub(crate) waited_for: Mutex<Vec<ChangeNumber>>,
    live: Mutex<Vec<(TunnelKey, LiveReplica)>>,
    fault: Mutex<Option<FailoverError>>,
    silent: Mutex<Option<AskError>>,
}

impl ScriptedSites {
    /// From now on a failover fails so.
    pub(crate) fn fail(&self, error: FailoverError) {
        *self.fault.lock() = Some(error);
    }

    /// From now on a failover succeeds again.
    pub(crate) fn mend(&self) {
        *self.fault.lock() = None;
    }

    /// From now on every other question fails so.
    pub(crate) fn fall_silent(&self, error: AskError) {
        *self.silent.lock() = Some(error);
    }

    /// A replica has a session.
    pub(crate) fn hold(&self, tunnel: TunnelKey, connector: ConnectorId, connection: ConnectionId) {
        let replica = LiveReplica {
            connector,
            connection,
            active: false,
        };
        self.live.lock().push((tunnel, replica));
    }

    /// This replica of a site carries its traffic, and no other one.
    pub(crate) fn activate(&self, tunnel: TunnelKey, connector: ConnectorId) {
        for (_, replica) in self.live.lock().iter_mut().filter(|(of, _)| *of == tunnel) {
            replica.active = replica.connector == connector;
        }
    }

    fn answers(&self) -> Result<(), AskError> {
        self.silent.lock().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl SiteControl for ScriptedSites {
    async fn applied(&self, after: ChangeNumber, _within: Duration) -> Result<(), AskError> {
        self.waited_for.lock().push(after);
        self.answers()
    }

    async fn evict(&self, eviction: Eviction, _within: Duration) -> Result<usize, AskError> {
        self.evictions.lock().push(eviction);
        self.answers()?;
        let mut live = self.live.lock();
        let before = live.len();
        live.retain(|(tunnel, replica)| {
            *tunnel != eviction.tunnel || eviction.connector.is_some_and(|one| one != replica.connector)
        });
        Ok(before - live.len())
    }

    async fn live(
        &self,
        tunnel: TunnelKey,
        after: ChangeNumber,
        _within: Duration,
    ) -> Result<Vec<LiveReplica>, AskError> {
        self.waited_for.lock().push(after);
        self.answers()?;
        let live = self.live.lock();
        let of = live.iter().filter(|(of, _)| *of == tunnel);
        Ok(of.map(|(_, replica)| *replica).collect())
    }

    async fn fail_over(&self, request: FailoverRequest, _within: Duration) -> Result<Epoch, FailoverError> {
        self.asked.lock().push(request);
        match *self.fault.lock() {
            Some(error) => Err(error),
            None => {
                self.activate(request.tunnel, request.target);
                Ok(Epoch(request.seen.0 + 1))
            }
        }
    }
}
