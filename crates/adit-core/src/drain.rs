//! In which order, and when, the connections of an edge that stops are moved away.

use std::{collections::VecDeque, time::Duration};

/// The turns of the connections of a draining edge.
///
/// Connectors come back elsewhere within seconds, so a tunnel's connections go one after another, evenly over the
/// time that there is: as long as it has more than one, it is never without. Tunnels take turns, so that not all of
/// them dial at the same moment.
#[derive(Debug)]
pub struct Drain<C> {
    /// The soonest first.
    turns: VecDeque<(Duration, C)>,
}

impl<C> Drain<C> {
    /// Plans the drain of these tunnels' connections, each tunnel's in the order in which they shall go. The last one
    /// goes before `within` has passed, and the first and the last of a tunnel that has several are at least half
    /// of it apart.
    #[must_use]
    pub fn plan(tunnels: Vec<Vec<C>>, within: Duration) -> Self {
        let count = tunnels.len();
        let mut turns: Vec<(Duration, C)> = tunnels
            .into_iter()
            .enumerate()
            .flat_map(|(tunnel, connections)| {
                let rounds = connections.len();
                let turn = move |(round, connection)| {
                    (share(within, round * count + tunnel, rounds * count), connection)
                };
                connections.into_iter().enumerate().map(turn)
            })
            .collect();
        turns.sort_by_key(|(after, _)| *after);
        Self { turns: turns.into() }
    }

    /// The next connection whose turn has come, `elapsed` after the drain began. It gets no new requests from now on
    /// and is closed after those that it has.
    pub fn poll(&mut self, elapsed: Duration) -> Option<C> {
        let (_, connection) = self.turns.pop_front_if(|(after, _)| *after <= elapsed)?;
        Some(connection)
    }

    /// When the next turn comes, after the drain began; `None` when all are over.
    #[must_use]
    pub fn next_turn(&self) -> Option<Duration> {
        self.turns.front().map(|(after, _)| *after)
    }
}

/// `part` of `parts` of a time.
fn share(time: Duration, part: usize, parts: usize) -> Duration {
    // Exact for every number of connections that a machine can hold.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 connections")]
    let share = part as f64 / parts as f64;
    time.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(2500);

    /// When each connection goes: tunnel, number and time.
    fn turns(sizes: &[usize], within: Duration) -> Vec<(usize, usize, Duration)> {
        let tunnels = sizes.iter().enumerate();
        let tunnels = tunnels.map(|(tunnel, size)| (0..*size).map(|number| (tunnel, number)).collect());
        let mut drain = Drain::plan(tunnels.collect(), within);
        let mut turns = Vec::new();
        while let Some(next) = drain.next_turn() {
            while let Some((tunnel, number)) = drain.poll(next) {
                turns.push((tunnel, number, next));
            }
        }
        turns
    }

    #[test]
    fn four_connections_go_one_after_another() {
        let times: Vec<_> = turns(&[4], Duration::from_secs(4))
            .iter()
            .map(|turn| turn.2)
            .collect();
        assert_eq!(times, [0, 1, 2, 3].map(Duration::from_secs));
    }

    #[test]
    fn tunnels_take_turns() {
        let order: Vec<_> = turns(&[2, 2], WITHIN)
            .iter()
            .map(|turn| (turn.0, turn.1))
            .collect();
        assert_eq!(order, [(0, 0), (1, 0), (0, 1), (1, 1)]);
    }

    #[test]
    fn nothing_goes_before_its_turn() {
        let mut drain = Drain::plan(vec![vec!['a', 'b']], WITHIN);
        assert_eq!(drain.poll(Duration::ZERO), Some('a'));
        assert_eq!(drain.poll(WITHIN / 2 - Duration::from_nanos(1)), None);
        assert_eq!(drain.poll(WITHIN / 2), Some('b'));
        assert_eq!(drain.next_turn(), None);
    }

    proptest! {
        #[test]
        fn every_connection_goes_once_in_time_and_no_tunnel_at_once(
            sizes in prop::collection::vec(0_usize..9, 0..9),
        ) {
            let turns = turns(&sizes, WITHIN);
            prop_assert_eq!(turns.len(), sizes.iter().sum::<usize>());
            for (tunnel, size) in sizes.iter().enumerate() {
                let of: Vec<_> = turns.iter().filter(|turn| turn.0 == tunnel).collect();
                let numbers: Vec<_> = of.iter().map(|turn| turn.1).collect();
                prop_assert_eq!(numbers, (0..*size).collect::<Vec<_>>());
                if let [first, .., last] = &of[..] {
                    prop_assert!(last.2 - first.2 > Duration::from_secs(1));
                }
                prop_assert!(of.iter().all(|turn| turn.2 < WITHIN));
            }
        }
    }
}
