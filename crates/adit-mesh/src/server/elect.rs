//! Runs the elections of sites: stores what they decide before anybody is told, and measures what it cost.
//!
//! One task asks all of them; each site has at most one decision on its way to the store, and none waits for another's.
//! While the store does not answer, nobody becomes active: who was active goes on for as long as it is heard.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::{
    ha::{
        Epoch, HaCause, HaState,
        election::{DecideFailure, Decision},
    },
    port::{DecideError, Sites, StoreError},
};
use adit_model::{ConnectorId, PeerKey, TunnelKey};
use async_trait::async_trait;
use metrics::counter;
use tokio::{
    select,
    task::JoinSet,
    time::{interval, sleep_until, timeout},
};
use tracing::{info, warn};

use super::{Trouble, desk::Desk, state::Concluded};

/// How long the store may take over a decision.
const STORE: Duration = Duration::from_secs(2);
/// How often it is looked whether the first packet came.
const LOOK: Duration = Duration::from_millis(100);
/// After this nobody asks any more how long packets did not pass.
const LOOK_FOR: Duration = Duration::from_secs(60);

/// Where decisions about sites are kept; every [`Sites`] is one.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// See [`Sites::decide`].
    async fn decide(
        &self,
        tunnel: TunnelKey,
        seen: Epoch,
        active: Option<ConnectorId>,
        cause: HaCause,
    ) -> Result<HaState, DecideError>;

    /// See [`Sites::note_gap`].
    async fn note_gap(&self, tunnel: TunnelKey, epoch: Epoch, gap: Duration) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: Sites + ?Sized> Decisions for S {
    async fn decide(
        &self,
        tunnel: TunnelKey,
        seen: Epoch,
        active: Option<ConnectorId>,
        cause: HaCause,
    ) -> Result<HaState, DecideError> {
        Sites::decide(self, tunnel, seen, active, cause).await
    }

    async fn note_gap(&self, tunnel: TunnelKey, epoch: Epoch, gap: Duration) -> Result<(), StoreError> {
        Sites::note_gap(self, tunnel, epoch, gap).await
    }
}

/// Runs the elections until it is dropped.
pub(super) async fn run(desk: Arc<Desk>, decisions: Arc<dyn Decisions>) {
    let mut storing = JoinSet::new();
    let mut measuring = JoinSet::new();
    loop {
        while measuring.try_join_next().is_some() {}
        let Concluded { due, next } = desk.conclude(Instant::now());
        for (site, decision) in due {
            storing.spawn(store(Arc::clone(&decisions), site, decision));
        }
        let passed = async {
            match next {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = desk.to_conclude.notified() => {}
            Some(stored) = storing.join_next() => {
                let Ok((site, decision, result)) = stored else { continue };
                if let Some(switch) = tell(&desk, site, decision, result) {
                    measuring.spawn(measure(Arc::clone(&desk), Arc::clone(&decisions), switch));
                }
            }
            () = passed => {}
        }
    }
}

type Stored = (TunnelKey, Decision, Result<HaState, DecideFailure>);

async fn store(decisions: Arc<dyn Decisions>, site: TunnelKey, decision: Decision) -> Stored {
    let Decision { seen, active, cause } = decision;
    let stored = timeout(STORE, decisions.decide(site, seen, active, cause)).await;
    let result = match stored {
        Ok(Ok(state)) => Ok(state),
        Ok(Err(DecideError::Stale(stale))) => Err(DecideFailure::Stale(stale.now)),
        Ok(Err(error @ (DecideError::NoSite | DecideError::Store(_)))) => {
            warn!(tunnel.id = %site.tunnel, %error, "a decision about a site was not stored");
            Err(DecideFailure::Failed)
        }
        Err(_elapsed) => Err(DecideFailure::Failed),
    };
    (site, decision, result)
}

/// A change of the active replica whose gap is to be measured.
pub(super) struct Switch {
    site: TunnelKey,
    epoch: Epoch,
    from: PeerKey,
    to: PeerKey,
}

fn tell(
    desk: &Desk,
    site: TunnelKey,
    decision: Decision,
    result: Result<HaState, DecideFailure>,
) -> Option<Switch> {
    if result == Err(DecideFailure::Failed) {
        let what = format!("the store keeps no decision about site {} now", site.tunnel);
        desk.complain(Trouble::Undecided, None, &what);
    }
    let mut state = desk.state.lock();
    let before = state
        .elections
        .get(&site)
        .and_then(|election| election.state().active);
    let keys = before.zip(decision.active).and_then(|(from, to)| {
        let key = |replica| state.members.replica(site, replica).map(|linked| linked.key);
        (from != to).then_some((key(from)?, key(to)?))
    });
    let switch = result.ok().zip(keys).map(|(state, (from, to))| Switch {
        site,
        epoch: state.epoch,
        from,
        to,
    });
    if let Some(switch) = &switch {
        desk.forwarding.begin(&switch.to);
    }
    if let Ok(decided) = result {
        counter!("adit_mesh_decisions_total", "cause" => decision.cause.as_str()).increment(1);
        info!(
            tunnel.id = %site.tunnel, epoch = decided.epoch.0, cause = decision.cause.as_str(),
            from = before.map(tracing::field::display), to = decision.active.map(tracing::field::display),
            "a site has another active replica"
        );
    }
    state.decided(site, result, Instant::now());
    switch
}

/// Waits for the first packet of the new one and keeps how long after the last one of the old it came.
async fn measure(desk: Arc<Desk>, decisions: Arc<dyn Decisions>, switch: Switch) {
    let gap = timeout(LOOK_FOR, async {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            let (old, new) = (
                desk.forwarding.brought(&switch.from),
                desk.forwarding.brought(&switch.to),
            );
            if let Some(first) = new.first {
                return old.last.map(|last| first.saturating_duration_since(last));
            }
        }
    });
    let Ok(Some(gap)) = gap.await else { return };
    let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
    info!(tunnel.id = %switch.site.tunnel, epoch = switch.epoch.0, gap_ms, "packets pass through the new active replica");
    if let Err(error) = decisions.note_gap(switch.site, switch.epoch, gap).await {
        warn!(tunnel.id = %switch.site.tunnel, %error, "the gap of a failover was not stored");
    }
}
