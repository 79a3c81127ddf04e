//! Moves the connections of an edge that stops away, one after another.

use std::{sync::Arc, time::Duration};

use adit_core::{drain::Drain, port::CloseReason};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::info;

use crate::{connection::Connection, tunnels::Tunnel, tunnels::Tunnels};

/// Takes each connection out of service in its turn within `spread`, and closes it once its requests have ended.
/// Dropping the future leaves those open that are not closed yet.
pub(crate) async fn move_away(tunnels: &Tunnels, spread: Duration) {
    let begun = Instant::now();
    let mut drain = Drain::plan(connections(tunnels), spread);
    let mut leaving = JoinSet::new();
    while let Some(next) = drain.next_turn() {
        sleep_until(begun + next).await;
        while let Some((tunnel, connection)) = drain.poll(begun.elapsed()) {
            // One that has gone by itself meanwhile needs nothing.
            if tunnel.remove(&connection) {
                info!(
                    tunnel.id = %tunnel.key.tunnel, connection.id = %connection.id,
                    connection.index = %connection.index, connector.id = %connection.connector.id,
                    requests = connection.pending(), "connection drains"
                );
                leaving.spawn(leave(connection));
            }
        }
    }
    while leaving.join_next().await.is_some() {}
}

async fn leave(connection: Arc<Connection>) {
    connection.drained().await;
    connection.leave(CloseReason::EdgeStopped);
}

/// What each tunnel has, in the order in which it goes: of several connectors each keeps some as long as possible.
fn connections(tunnels: &Tunnels) -> Vec<Vec<(Arc<Tunnel>, Arc<Connection>)>> {
    let of = |tunnel: &Arc<Tunnel>| {
        let mut connections = tunnel.connections().to_vec();
        connections.sort_by_key(|connection| (connection.index, connection.connector.id));
        let of = connections.into_iter();
        of.map(|connection| (Arc::clone(tunnel), connection)).collect()
    };
    let table = tunnels.load();
    let each = table.tunnels().map(of);
    each.filter(|connections: &Vec<_>| !connections.is_empty())
        .collect()
}
