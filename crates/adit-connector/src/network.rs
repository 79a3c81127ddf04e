//! Watches the machine's network for all connections: routes to the edges, and time that the machine stood still.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adit_net::route;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;

use crate::lookup::Names;

/// How often the routes are looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// A look that comes later than this was held up by a sleep of the machine, or of the process.
const STILL: Duration = Duration::from_secs(2);

/// What the connector knows of the machine's network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// Rises with every change of a route to an edge.
    pub(crate) changes: u64,
    /// Rises with every standstill.
    pub(crate) standstills: u64,
    /// How long the last standstill was.
    pub(crate) stood_still: Duration,
}

/// Watches until it is dropped.
pub(crate) async fn watch(names: Arc<Names>, horizon: watch::Sender<Horizon>) {
    let mut routes = BTreeMap::new();
    let mut looked_at = boot_time();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = boot_time();
        let still = now.saturating_sub(looked_at).saturating_sub(INTERVAL);
        looked_at = now;
        let seen = look(names.known());
        let changed = changed(&routes, &seen);
        routes = seen;
        if changed || still >= STILL {
            horizon.send_modify(|horizon| {
                horizon.changes += u64::from(changed);
                if still >= STILL {
                    horizon.standstills += 1;
                    horizon.stood_still = still;
                }
            });
        }
        if changed {
            tracing::info!("the network has changed");
        }
        if still >= STILL {
            tracing::info!(seconds = still.as_secs(), "this machine stood still");
        }
    }
}

/// From where packets would leave for each of the edges.
fn look(edges: Vec<SocketAddr>) -> BTreeMap<SocketAddr, Option<IpAddr>> {
    let source = |edge| (edge, route::source_towards(edge).ok());
    edges.into_iter().map(source).collect()
}

/// An edge that was not known before is no change.
fn changed(
    before: &BTreeMap<SocketAddr, Option<IpAddr>>,
    now: &BTreeMap<SocketAddr, Option<IpAddr>>,
) -> bool {
    now.iter()
        .any(|(edge, source)| before.get(edge).is_some_and(|was| was != source))
}

/// Since the machine started, its sleep included.
fn boot_time() -> Duration {
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = Duration::from_secs(now.tv_sec.try_into().unwrap_or_default());
    seconds + Duration::from_nanos(now.tv_nsec.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_goes_comes_or_moves_is_a_change_and_a_new_edge_is_none() {
        let edge = |last: u8| SocketAddr::from(([192, 0, 2, last], 7844));
        let source = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let home = BTreeMap::from([(edge(1), source(1))]);
        let away = BTreeMap::from([(edge(1), source(2))]);
        let gone = BTreeMap::from([(edge(1), None)]);
        let more = BTreeMap::from([(edge(1), source(1)), (edge(2), source(9))]);
        assert!(changed(&home, &away) && changed(&home, &gone) && changed(&gone, &home));
        assert!(!changed(&home, &more) && !changed(&home, &home));
    }
}
