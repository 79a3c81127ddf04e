//! Where a host name leads, and which connection carries its next request.

use std::sync::Arc;

use adit_core::choice::{Candidate, least_busy_of_two};
use adit_model::HostPattern;

use crate::{connection::Connection, traffic::LazyTraffic, tunnels::Tunnel};

/// Where a host name leads.
#[derive(Debug)]
pub(crate) struct Route {
    /// The name or wildcard, as it is in the store.
    pub(crate) host: String,
    /// The tunnel, or those of a pool, of which any may serve.
    tunnels: Box<[Arc<Tunnel>]>,
    pub(crate) traffic: LazyTraffic,
}

/// A connection, and the tunnel that it serves.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) tunnel: Arc<Tunnel>,
    pub(crate) connection: Arc<Connection>,
}

impl Chosen {
    fn of((tunnel, connection): (&Arc<Tunnel>, &Arc<Connection>)) -> Self {
        Self {
            tunnel: Arc::clone(tunnel),
            connection: Arc::clone(connection),
        }
    }
}

impl Route {
    pub(crate) fn new(pattern: &HostPattern, tunnels: Box<[Arc<Tunnel>]>) -> Self {
        Self {
            host: pattern.to_string(),
            tunnels,
            traffic: LazyTraffic::default(),
        }
    }

    /// The tunnel, if there is only one: then it is to blame whether or not anything was asked of it.
    pub(crate) fn only(&self) -> Option<&Arc<Tunnel>> {
        match &*self.tunnels {
            [tunnel] => Some(tunnel),
            _ => None,
        }
    }

    /// The connection for the next request; `None` if none is left.
    pub(crate) fn choose(&self) -> Option<Chosen> {
        self.pick(None)
    }

    /// A healthy connection for what `failed` did not answer, of another connector if there is one.
    pub(crate) fn choose_instead_of(&self, failed: &Arc<Connection>) -> Option<Chosen> {
        self.pick(Some(failed))
    }

    /// Chooses over the connections of all tunnels. With one tunnel nothing is allocated.
    fn pick(&self, failed: Option<&Arc<Connection>>) -> Option<Chosen> {
        if let [tunnel] = &*self.tunnels {
            let connections = tunnel.connections();
            let chosen = choose(&connections, |connection| connection, failed)?;
            return Some(Chosen::of((tunnel, chosen)));
        }
        let lists: Vec<_> = self.tunnels.iter().map(|tunnel| tunnel.connections()).collect();
        let all: Vec<(&Arc<Tunnel>, &Arc<Connection>)> = self
            .tunnels
            .iter()
            .zip(&lists)
            .flat_map(|(tunnel, connections)| connections.iter().map(move |connection| (tunnel, connection)))
            .collect();
        choose(&all, |(_, connection)| connection, failed)
            .copied()
            .map(Chosen::of)
    }
}

/// One of these, each of which has a connection. Without a failed one, a connection that is not healthy is taken if
/// all are like that: to try is better than to refuse.
fn choose<'c, T>(
    candidates: &'c [T],
    connection: impl Fn(&T) -> &Arc<Connection>,
    failed: Option<&Arc<Connection>>,
) -> Option<&'c T> {
    let random = rand::random();
    let usable_if = |usable: &dyn Fn(&Arc<Connection>, bool) -> bool| {
        let seen = |candidate: &T| {
            let connection = connection(candidate);
            let seen = connection.candidate();
            Candidate {
                usable: usable(connection, seen.usable),
                ..seen
            }
        };
        least_busy_of_two(candidates, seen, random)
    };
    match failed {
        None => usable_if(&|_, healthy| healthy).or_else(|| usable_if(&|_, _| true)),
        Some(failed) => usable_if(&|other, healthy| healthy && other.connector.id != failed.connector.id)
            .or_else(|| usable_if(&|other, healthy| healthy && !Arc::ptr_eq(other, failed))),
    }
}
