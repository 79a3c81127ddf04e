//! A session as the node sees it.

use std::time::Duration;

use super::{BEAT, REGISTRATION, patience};

/// No edge asks for beats closer together than this.
const QUICKEST_BEAT: Duration = Duration::from_millis(50);
/// Nor further apart than this.
const SLOWEST_BEAT: Duration = Duration::from_secs(60);

/// What the edge said, as far as it counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeSaid {
    /// What the proof is to be made for.
    Challenge,
    /// What the node is to be; the first one lets it in.
    Config {
        /// Rises within a session.
        version: u64,
        /// How often it is to beat.
        beat: Duration,
    },
    /// It heard the beat.
    Heard(u64),
    /// What the node may do for a while.
    Leased,
}

/// What the node does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAct {
    /// Prove who it is.
    Prove,
    /// Become what the configuration says.
    Apply,
    /// Nothing; the link took this long both ways, if that could be told.
    Measured(Option<Duration>),
    /// Take the lease.
    Lease,
    /// Nothing: an older configuration, or one that was sent before.
    Skip,
}

/// The edge said what it must not say now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the edge said something out of turn")]
pub struct OutOfTurn;

/// One session with an edge, from its first byte.
#[derive(Debug)]
pub struct ClientSession {
    phase: Phase,
    opened: Duration,
    heard: Duration,
    beat: Duration,
    version: Option<u64>,
    next_beat: Duration,
    seq: u64,
    /// The last beat and when it was sent, until it is heard.
    asked: Option<(u64, Duration)>,
    round_trip: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Proving,
    Linked,
}

impl ClientSession {
    /// A connection has just been made.
    #[must_use]
    pub const fn new(now: Duration) -> Self {
        Self {
            phase: Phase::Greeting,
            opened: now,
            heard: now,
            beat: BEAT,
            version: None,
            next_beat: now,
            seq: 0,
            asked: None,
            round_trip: None,
        }
    }

    /// Takes what the edge said.
    ///
    /// # Errors
    /// [`OutOfTurn`]: the session is over.
    pub fn said(&mut self, now: Duration, said: EdgeSaid) -> Result<ClientAct, OutOfTurn> {
        self.heard = now;
        match (self.phase, said) {
            (Phase::Greeting, EdgeSaid::Challenge) => {
                self.phase = Phase::Proving;
                Ok(ClientAct::Prove)
            }
            (Phase::Proving | Phase::Linked, EdgeSaid::Config { version, beat }) => {
                if self.phase == Phase::Proving {
                    self.next_beat = now;
                }
                self.phase = Phase::Linked;
                self.beat = beat.clamp(QUICKEST_BEAT, SLOWEST_BEAT);
                if self.version.is_some_and(|known| version <= known) {
                    return Ok(ClientAct::Skip);
                }
                self.version = Some(version);
                Ok(ClientAct::Apply)
            }
            (Phase::Linked, EdgeSaid::Heard(seq)) => {
                let sent = self.asked.take_if(|(asked, _)| *asked == seq);
                let taken = sent.map(|(_, sent)| now.saturating_sub(sent));
                self.round_trip = taken
                    .map(|taken| smooth(self.round_trip, taken))
                    .or(self.round_trip);
                Ok(ClientAct::Measured(self.round_trip))
            }
            (Phase::Linked, EdgeSaid::Leased) => Ok(ClientAct::Lease),
            (Phase::Greeting | Phase::Proving, _) | (Phase::Linked, EdgeSaid::Challenge) => Err(OutOfTurn),
        }
    }

    /// The number of the beat to send now, if one is due.
    pub fn beat_due(&mut self, now: Duration) -> Option<u64> {
        if self.phase != Phase::Linked || now < self.next_beat {
            return None;
        }
        // A node that was suspended sends one beat, not those that it missed.
        self.next_beat = now.saturating_add(self.beat);
        self.seq = self.seq.saturating_add(1);
        self.asked = self.asked.or(Some((self.seq, now)));
        Some(self.seq)
    }

    /// The next beat is due now: what it tells has changed.
    pub fn hurry(&mut self, now: Duration) {
        self.next_beat = self.next_beat.min(now);
    }

    /// When [`Self::beat_due`] or [`Self::is_over`] is to be asked next.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        match self.phase {
            Phase::Greeting | Phase::Proving => self.end(),
            Phase::Linked => self.end().min(self.next_beat),
        }
    }

    /// True if the edge said nothing for too long.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        now >= self.end()
    }

    /// True once the edge has let the node in.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.phase == Phase::Linked
    }

    /// The link's round trip, smoothed.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    fn end(&self) -> Duration {
        match self.phase {
            Phase::Greeting | Phase::Proving => self.opened.saturating_add(REGISTRATION),
            Phase::Linked => self.heard.saturating_add(patience(self.beat, self.round_trip)),
        }
    }
}

/// Seven parts of what was known, one of what was measured.
fn smooth(known: Option<Duration>, measured: Duration) -> Duration {
    known.map_or(measured, |known| {
        known.saturating_mul(7).saturating_add(measured) / 8
    })
}

#[cfg(test)]
mod tests;
