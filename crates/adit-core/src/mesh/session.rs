//! The control connection of the mesh, as decisions: whether a node is let in ([`judge`]), what each message means for a
//! session and when a silent one is over ([`ServerSession`], [`ClientSession`]), how long a lease is good ([`Leases`]), which
//! key a node tells ([`KeyOffer`]), where and when it dials next ([`Redial`]).
//!
//! No bytes, no sockets and no clock: moments are the span since any fixed one.

mod admission;
mod client;
mod keys;
mod leases;
mod redial;
mod server;

use std::time::Duration;

pub use admission::{Claim, Credential, Proofs, Refusal, Verdict, judge};
pub use client::{ClientAct, ClientSession, EdgeSaid, OutOfTurn};
pub use keys::{KeyOffer, NodeKeys};
pub use leases::Leases;
pub use redial::{Redial, Setback};
pub use server::{BrokenRule, NodeSaid, ServerAct, ServerSession, Timeout};

/// How often a node beats.
pub const BEAT: Duration = Duration::from_millis(500);
/// How many beats may be missed before a session is over.
const MISSED_BEATS: u32 = 3;
/// What is waited beyond that, for a beat that is on its way.
const GUARD: Duration = Duration::from_millis(500);
/// How long each side waits for the other until a session is there.
pub const REGISTRATION: Duration = Duration::from_secs(10);
/// How long both WireGuard keys of a replica are good after it changed its key.
pub const KEY_OVERLAP: Duration = Duration::from_secs(5 * 60);

/// How much silence ends a session whose round trip is known or not: three beats and half a second, more on a long way.
#[must_use]
pub fn patience(beat: Duration, round_trip: Option<Duration>) -> Duration {
    /// No way is longer; a peer that says so wants to be waited for.
    const LONGEST: Duration = Duration::from_secs(2);
    let beats = beat.saturating_mul(MISSED_BEATS);
    let way = round_trip.unwrap_or_default().min(LONGEST).saturating_mul(4);
    beats.saturating_add(way.max(GUARD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_gets_more_patience_up_to_a_bound() {
        let patience = |round_trip: Option<u64>| patience(BEAT, round_trip.map(Duration::from_millis));
        assert_eq!(patience(None), Duration::from_secs(2));
        assert_eq!(patience(Some(20)), Duration::from_secs(2));
        assert_eq!(patience(Some(500)), Duration::from_millis(3_500));
        assert_eq!(patience(Some(3_600_000)), Duration::from_millis(9_500));
    }
}
