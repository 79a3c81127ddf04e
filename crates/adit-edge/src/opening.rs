//! Opens an exchange on one of the connections that a route leads to.

use std::time::Duration;

use adit_core::choice::Choice;
use adit_wire::RequestHead;
use tokio::time::Instant;

use crate::{
    connection::Place,
    route::{Chosen, Route},
    upstream::{self, Answer, Upload, UpstreamError},
};

/// How many connections are tried before a request that none of them took is given up.
const ATTEMPTS: usize = 3;
/// How long a request waits for room while every connection is full.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// Who is told which way an exchange takes.
pub(crate) trait Witness {
    /// A connection is asked next.
    fn via(&mut self, chosen: &Chosen);

    /// It has the head.
    fn sent(&mut self);
}

/// Why no connection took an exchange.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// There is none.
    NoConnection,
    /// Each has as many requests as its peer allows, and went on having them.
    Full,
    /// What is asked cannot be put into words.
    Unsendable(UpstreamError),
}

/// Opens the exchange on `first`, if it is given, or else, or if that never took it, on some other connection that the
/// route leads to. With `has_body` false nothing can be sent after the head.
pub(crate) async fn open(
    route: &Route,
    first: Option<Chosen>,
    head: &RequestHead,
    has_body: bool,
    witness: &mut (impl Witness + Send),
) -> Result<(Place, Upload, Answer), NotOpened> {
    let (mut next, mut attempts, mut patience) = (first, 0, None);
    while attempts < ATTEMPTS {
        let chosen = match next.take() {
            Some(chosen) => chosen,
            None => with_room(route, &mut patience).await?,
        };
        let Some(place) = Place::on(chosen) else {
            continue;
        };
        let on = place.chosen();
        match upstream::open(&on.connection, head, has_body).await {
            Ok((upload, answer)) => {
                witness.via(on);
                witness.sent();
                if patience.is_some() {
                    on.tunnel.room();
                }
                return Ok((place, upload, answer));
            }
            Err(UpstreamError::Full) => on.connection.fill(),
            // The connection broke and is about to leave the registry: the next choice may be luckier.
            Err(UpstreamError::NotSent) => {
                witness.via(on);
                on.tunnel.remove(&on.connection);
                attempts += 1;
            }
            Err(
                error @ (UpstreamError::Lost(_) | UpstreamError::Broken(_) | UpstreamError::Malformed(_)),
            ) => {
                witness.via(on);
                return Err(NotOpened::Unsendable(error));
            }
        }
    }
    Err(NotOpened::NoConnection)
}

/// The next connection to ask. While all are full it waits for room, until `deadline`, which the first wait sets.
async fn with_room(route: &Route, deadline: &mut Option<Instant>) -> Result<Chosen, NotOpened> {
    loop {
        let room = match route.choose() {
            Choice::Take(chosen) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {
                return Ok(chosen);
            }
            Choice::Take(_) => return Err(NotOpened::Full),
            Choice::Nobody => return Err(NotOpened::NoConnection),
            Choice::Full => route.until_room(),
        };
        // There may be room since the look that began the wait.
        if let Choice::Take(chosen) = route.choose() {
            return Ok(chosen);
        }
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + ROOM_PATIENCE);
        if tokio::time::timeout_at(deadline, room).await.is_err() {
            return Err(NotOpened::Full);
        }
    }
}
