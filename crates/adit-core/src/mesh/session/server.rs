//! A session as the edge sees it.

use std::time::Duration;

use adit_model::PeerKey;

use super::{BEAT, Claim, REGISTRATION, patience};

/// The most messages that are taken within a second; an honest node sends three.
const MOST_A_SECOND: u32 = 50;
/// A key may change no more often, since each change is written to the store.
const BETWEEN_KEYS: Duration = Duration::from_secs(10);

/// What a node said, as far as it counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeSaid {
    /// Who it is.
    Claim(Claim),
    /// It lives; with the round trip that it measured.
    Beat {
        /// Rises.
        seq: u64,
        /// If it measured one.
        round_trip: Option<Duration>,
    },
    /// It took or refused a configuration.
    Acknowledged {
        /// Which one.
        version: u64,
    },
    /// It has another key.
    Key(PeerKey),
    /// Another replica is to take over.
    Leaving,
    /// It may carry its site's traffic again.
    Staying,
    /// It became what a lease made it.
    TookRole {
        /// Of which decision.
        epoch: u64,
    },
}

/// What the edge does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAct {
    /// Find out whether the claim is true, then call [`ServerSession::admitted`] or end.
    Judge(Claim),
    /// Tell that the beat was heard.
    Answer(u64),
    /// Note what became of the configuration.
    NoteAcknowledged(u64),
    /// Let it have the key.
    ChangeKey(PeerKey),
    /// Let another replica take over.
    StepBack,
    /// Count it among those who may take over again.
    StepForward,
    /// Note that it has its role.
    NoteRole,
}

/// What a node must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// It has to say first who it is.
    #[error("it spoke before it said who it is")]
    NotAdmitted,
    /// It says so once.
    #[error("it said twice who it is")]
    SecondClaim,
    /// Beats count up.
    #[error("its beats do not count up")]
    Beats,
    /// Nobody sent that.
    #[error("it acknowledged a configuration that it was not sent")]
    Acknowledgement,
    /// Nobody sent that.
    #[error("it acknowledged a lease that it was not sent")]
    Role,
    /// Too much.
    #[error("it sent more than {MOST_A_SECOND} messages within a second")]
    Flood,
    /// Too often.
    #[error("it changed its key more than once in ten seconds")]
    Keys,
}

/// Why a session is over though nobody ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// It did not say in time who it is.
    Registration,
    /// Its beats stopped.
    Silence,
}

/// One session of a node, from its first byte.
#[derive(Debug)]
pub struct ServerSession {
    phase: Phase,
    patience: Duration,
    last_beat: Option<u64>,
    sent: u64,
    /// The highest epoch of a lease.
    leased: Option<u64>,
    key_changed: Option<Duration>,
    second_began: Duration,
    in_second: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Since when nobody knows who it is.
    Stranger(Duration),
    /// It is being found out whether its claim is true.
    Judged,
    /// It was last heard then.
    Admitted(Duration),
}

impl ServerSession {
    /// A connection has just been made.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self {
            phase: Phase::Stranger(now),
            patience: patience(BEAT, None),
            last_beat: None,
            sent: 0,
            leased: None,
            key_changed: None,
            second_began: now,
            in_second: 0,
        }
    }

    /// Takes what the node said.
    ///
    /// # Errors
    /// [`BrokenRule`]: the session is over.
    pub fn said(&mut self, now: Duration, said: NodeSaid) -> Result<ServerAct, BrokenRule> {
        self.count(now)?;
        match (self.phase, said) {
            (Phase::Stranger(_), NodeSaid::Claim(claim)) => {
                self.phase = Phase::Judged;
                return Ok(ServerAct::Judge(claim));
            }
            (Phase::Stranger(_) | Phase::Judged, _) => return Err(BrokenRule::NotAdmitted),
            (Phase::Admitted(_), _) => self.phase = Phase::Admitted(now),
        }
        match said {
            NodeSaid::Claim(_) => Err(BrokenRule::SecondClaim),
            NodeSaid::Beat { seq, round_trip } => {
                if self.last_beat.is_some_and(|last| seq <= last) {
                    return Err(BrokenRule::Beats);
                }
                self.last_beat = Some(seq);
                self.patience = patience(BEAT, round_trip);
                Ok(ServerAct::Answer(seq))
            }
            NodeSaid::Acknowledged { version } if version > self.sent => Err(BrokenRule::Acknowledgement),
            NodeSaid::Acknowledged { version } => Ok(ServerAct::NoteAcknowledged(version)),
            NodeSaid::Key(key) => {
                let soon = |changed: Duration| now.saturating_sub(changed) < BETWEEN_KEYS;
                if self.key_changed.is_some_and(soon) {
                    return Err(BrokenRule::Keys);
                }
                self.key_changed = Some(now);
                Ok(ServerAct::ChangeKey(key))
            }
            NodeSaid::Leaving => Ok(ServerAct::StepBack),
            NodeSaid::Staying => Ok(ServerAct::StepForward),
            NodeSaid::TookRole { epoch } if Some(epoch) > self.leased => Err(BrokenRule::Role),
            NodeSaid::TookRole { .. } => Ok(ServerAct::NoteRole),
        }
    }

    fn count(&mut self, now: Duration) -> Result<(), BrokenRule> {
        if now.saturating_sub(self.second_began) >= Duration::from_secs(1) {
            (self.second_began, self.in_second) = (now, 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        if self.in_second > MOST_A_SECOND {
            return Err(BrokenRule::Flood);
        }
        Ok(())
    }

    /// Its claim is true.
    pub const fn admitted(&mut self, now: Duration) {
        self.phase = Phase::Admitted(now);
    }

    /// This version of its configuration is on its way.
    pub fn configured(&mut self, version: u64) {
        self.sent = self.sent.max(version);
    }

    /// A lease of this decision is on its way.
    pub fn leased(&mut self, epoch: u64) {
        self.leased = self.leased.max(Some(epoch));
    }

    /// When [`Self::timeout`] is to be asked next; `None` while a claim is judged, which has a limit of its own.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Stranger(since) => Some(since.saturating_add(REGISTRATION)),
            Phase::Judged => None,
            Phase::Admitted(heard) => Some(heard.saturating_add(self.patience)),
        }
    }

    /// Why the session is over, if it is by now.
    #[must_use]
    pub fn timeout(&self, now: Duration) -> Option<Timeout> {
        let over = self.deadline().is_some_and(|deadline| now >= deadline);
        match self.phase {
            Phase::Stranger(_) if over => Some(Timeout::Registration),
            Phase::Admitted(_) if over => Some(Timeout::Silence),
            Phase::Stranger(_) | Phase::Judged | Phase::Admitted(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
