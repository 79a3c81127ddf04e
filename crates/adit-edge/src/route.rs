//! Where a host name leads, and which connection carries its next request.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use adit_core::choice::{self, Choice};
use adit_model::HostPattern;
use tokio::sync::futures::Notified;

use crate::{connection::Connection, traffic::LazyTraffic, tunnels::Tunnel};

/// Where a host name leads.
#[derive(Debug)]
pub(crate) struct Route {
    /// The name or wildcard, as it is in the store; empty where none leads.
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

    /// To one tunnel, by no public name.
    pub(crate) fn private(tunnel: Arc<Tunnel>) -> Self {
        Self {
            host: String::new(),
            tunnels: Box::new([tunnel]),
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

    /// The connection for the next request.
    pub(crate) fn choose(&self) -> Choice<Chosen> {
        self.pick(None)
    }

    /// A healthy connection with room for what `failed` did not answer, of another connector if there is one.
    pub(crate) fn choose_instead_of(&self, failed: &Arc<Connection>) -> Option<Chosen> {
        self.pick(Some(failed)).taken()
    }

    /// Completes when a connection has come, gone or recovered after this call.
    pub(crate) fn until_changed(&self) -> impl Future<Output = ()> {
        any(self.tunnels.iter().map(|tunnel| tunnel.until_changed()))
    }

    /// As [`Route::until_changed`], and, for one of those who wait for it, when one has room.
    pub(crate) fn until_room(&self) -> impl Future<Output = ()> {
        let tunnels = self.tunnels.iter();
        any(tunnels.flat_map(|tunnel| [tunnel.until_changed(), tunnel.until_room()]))
    }

    /// Chooses over the connections of all tunnels. With one tunnel nothing is allocated.
    fn pick(&self, failed: Option<&Arc<Connection>>) -> Choice<Chosen> {
        if let [tunnel] = &*self.tunnels {
            let connections = tunnel.connections();
            let chosen = choose(&connections, |connection| connection, failed);
            return chosen.map(|connection| Chosen::of((tunnel, connection)));
        }
        let lists: Vec<_> = self.tunnels.iter().map(|tunnel| tunnel.connections()).collect();
        let all: Vec<(&Arc<Tunnel>, &Arc<Connection>)> = self
            .tunnels
            .iter()
            .zip(&lists)
            .flat_map(|(tunnel, connections)| connections.iter().map(move |connection| (tunnel, connection)))
            .collect();
        choose(&all, |(_, connection)| connection, failed).map(|chosen| Chosen::of(*chosen))
    }
}

/// Completes with the first of these, each of which was there before its owner looks at what it waits for.
fn any<'n>(notices: impl Iterator<Item = Notified<'n>>) -> impl Future<Output = ()> {
    let mut notices: Vec<_> = notices.map(Box::pin).collect();
    poll_fn(move |cx| {
        let told = |notice: &mut Pin<Box<Notified<'_>>>| notice.as_mut().poll(cx).is_ready();
        if notices.iter_mut().any(told) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}

/// One of these, each of which has a connection.
fn choose<'c, T>(
    candidates: &'c [T],
    connection: impl Fn(&T) -> &Arc<Connection>,
    failed: Option<&Arc<Connection>>,
) -> Choice<&'c T> {
    let random = rand::random();
    let seen = |candidate: &T| connection(candidate).candidate();
    let Some(failed) = failed else {
        return choice::choose(candidates, seen, random);
    };
    let spared = |spare: &dyn Fn(&Arc<Connection>) -> bool| {
        let seen = |candidate: &T| {
            let mut looked = seen(candidate);
            looked.healthy &= !spare(connection(candidate));
            looked
        };
        choice::least_busy_of_two(candidates, seen, |seen| seen.healthy && seen.has_room, random)
    };
    spared(&|other| other.connector.id == failed.connector.id)
        .or_else(|| spared(&|other| Arc::ptr_eq(other, failed)))
        .map_or(Choice::Nobody, Choice::Take)
}
