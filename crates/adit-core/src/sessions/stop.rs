//! Where a session is carried, and where it goes next.

use adit_model::{ConnectionId, ConnectorId};

use crate::choice::{Candidate, least_busy_of_two};

/// A connection and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The connector.
    pub connector: ConnectorId,
    /// Its connection.
    pub connection: ConnectionId,
}

/// Chooses where a session goes that leaves `left`, or is new: to another connection of the same connector, which may
/// keep its socket; else to another connector. One that answers goes before one that is suspect. Connectors in
/// `refused` have said no. `random` is any 64 random bits. `None` if there is nothing left.
#[must_use]
pub fn next_stop<'c, T>(
    candidates: &'c [T],
    seen: impl Fn(&T) -> (Stop, Candidate),
    left: Option<Stop>,
    refused: &[ConnectorId],
    random: u64,
) -> Option<&'c T> {
    let of = |usable: &dyn Fn(Stop, Candidate) -> bool| {
        let judged = |candidate: &T| {
            let (stop, mut looked) = seen(candidate);
            let is_left = left.is_some_and(|left| left.connection == stop.connection);
            looked.healthy = !is_left && !refused.contains(&stop.connector) && usable(stop, looked);
            looked
        };
        least_busy_of_two(candidates, judged, |judged| judged.healthy, random)
    };
    let stays = |stop: Stop| left.is_some_and(|left| left.connector == stop.connector);
    of(&|stop, seen| seen.healthy && stays(stop))
        .or_else(|| of(&|_, seen| seen.healthy))
        .or_else(|| of(&|stop, _| stays(stop)))
        .or_else(|| of(&|_, _| true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Seen = (Stop, Candidate);

    fn seen(connector: ConnectorId, healthy: bool) -> Seen {
        let stop = Stop {
            connector,
            connection: ConnectionId::random(),
        };
        let candidate = Candidate {
            load: 0,
            healthy,
            has_room: true,
        };
        (stop, candidate)
    }

    #[test]
    fn a_session_stays_with_its_connector_while_that_answers() {
        let [here, there] = [ConnectorId::random(), ConnectorId::random()];
        let mut all = [seen(here, true), seen(here, true), seen(there, true)];
        let left = all[0].0;
        let next = |all: &[Seen], refused: &[ConnectorId]| {
            let next = next_stop(all, |seen| *seen, Some(left), refused, 7);
            next.map(|(stop, _)| stop.connection)
        };
        assert_eq!(next(&all, &[]), Some(all[1].0.connection));
        all[1].1.healthy = false;
        assert_eq!(next(&all, &[]), Some(all[2].0.connection), "the other answers");
        all[2].1.healthy = false;
        assert_eq!(next(&all, &[]), Some(all[1].0.connection), "none answers");
        assert_eq!(next(&all, &[here]), Some(all[2].0.connection));
        assert_eq!(next(&all, &[here, there]), None);
    }

    proptest! {
        #[test]
        fn neither_the_place_that_is_left_nor_one_that_refused_is_chosen(
            healthy in prop::collection::vec(any::<bool>(), 0..9), left: prop::sample::Index, random: u64,
        ) {
            let connectors = [ConnectorId::random(), ConnectorId::random(), ConnectorId::random()];
            let all: Vec<_> =
                healthy.iter().enumerate().map(|(at, healthy)| seen(connectors[at % 3], *healthy)).collect();
            let left = (!all.is_empty()).then(|| left.get(&all).0);
            let refused = &connectors[2..];
            let next = next_stop(&all, |seen| *seen, left, refused, random);
            let usable = |stop: Stop| Some(stop) != left && !refused.contains(&stop.connector);
            match next {
                Some((stop, _)) => prop_assert!(usable(*stop)),
                None => prop_assert!(!all.iter().any(|(stop, _)| usable(*stop))),
            }
        }
    }
}
