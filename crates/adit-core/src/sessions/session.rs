//! One UDP flow.

use std::time::Duration;

use adit_model::{ConnectionId, ConnectorId};

use super::Stop;

/// When a registration that was not answered is sent again: datagrams get lost.
const ASK_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(2500)];
/// A registration by datagram that is not answered by then is given up.
const REPEATED_LIMIT: Duration = Duration::from_secs(5);
/// The same for one call, which may wait for its turn and ends by itself.
const ONCE_LIMIT: Duration = Duration::from_secs(10);
/// A connector keeps a session for so much longer than the edge: the last datagram may have been lost between them.
const HINT_SLACK: Duration = Duration::from_secs(5);

/// How long a connector is to keep a session that ends here after `idle`.
#[must_use]
pub const fn idle_hint(idle: Duration) -> Duration {
    idle.saturating_add(HINT_SLACK)
}

/// How a session is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// By datagrams, which are repeated while no answer comes.
    Repeated,
    /// By one call, whose outcome is told.
    Once,
}

/// Why a session has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// Its user has ended it.
    #[error("ended by its user")]
    Closed,
    /// Nothing passed for its idle time.
    #[error("nothing passed for its idle time")]
    Idle,
    /// The connector could not reach the address; its own words.
    #[error("refused by the connector: {0}")]
    Refused(String),
    /// Each connector has as many flows as it may.
    #[error("each connector has as many flows as it may")]
    TooMany,
    /// A connector did not answer.
    #[error("the connector did not answer in time")]
    TimedOut,
    /// The connector has ended it; its own words.
    #[error("ended by the connector: {0}")]
    Unregistered(String),
    /// The connection that carried it went, and there is no other.
    #[error("the connection to the connector is gone")]
    Lost,
}

/// What follows from what a connector says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It carries datagrams now. Where it was before, if it has moved, it is no more.
    Opened {
        /// Where it was.
        before: Option<Stop>,
    },
    /// Nothing.
    Same,
    /// It must be asked for at another connector; those in [`Session::refused`] have said no.
    Elsewhere,
    /// It is over.
    Ended,
    /// Nobody asked that connection: it is no business of its.
    Stray,
}

/// What to do with a datagram that a connection brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Hand it over.
    Deliver,
    /// Drop it: the session is not on that connection.
    Foreign,
    /// Drop it: the user has sent nothing yet that it could answer.
    Unasked,
}

/// What time has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    /// Nothing.
    Nothing,
    /// Ask again, at the same place.
    AskAgain,
    /// It is over.
    Ended,
}

/// One UDP flow of one user.
#[derive(Debug)]
pub struct Session {
    idle: Duration,
    state: State,
    refused: Vec<ConnectorId>,
    /// When a datagram last passed, in either direction.
    passed_at: Duration,
    /// Whether the user has sent anything.
    has_asked: bool,
}

#[derive(Debug)]
enum State {
    New,
    Asking {
        at: Stop,
        /// Where it still is, if it moves.
        before: Option<Stop>,
        asking: Asking,
        begun: Duration,
        repeated: usize,
    },
    Open(Stop),
    /// Its connection has gone, and it has been asked for nowhere else yet.
    Adrift(Stop),
    Ended(End),
}

impl Session {
    /// One that ends after `idle` without a datagram. It has been asked for nowhere.
    #[must_use]
    pub const fn new(now: Duration, idle: Duration) -> Self {
        Self {
            idle,
            state: State::New,
            refused: Vec::new(),
            passed_at: now,
            has_asked: false,
        }
    }

    /// It is asked for here from now on. While it moves, what its former place brings is still delivered. One that has
    /// ended stays so.
    pub fn ask(&mut self, at: Stop, asking: Asking, now: Duration) {
        let before = match &self.state {
            State::Open(before) => Some(*before),
            State::Asking { before, .. } => *before,
            State::New | State::Adrift(_) => None,
            State::Ended(_) => return,
        };
        self.state = State::Asking {
            at,
            before,
            asking,
            begun: now,
            repeated: 0,
        };
    }

    /// A connector has it.
    pub fn handle_ready(&mut self, from: ConnectionId, now: Duration) -> Step {
        match self.state {
            State::Asking { at, before, .. } if at.connection == from => {
                self.state = State::Open(at);
                self.refused = Vec::new();
                if before.is_none() {
                    self.passed_at = now;
                }
                Step::Opened { before }
            }
            // The answer to what was asked again.
            State::Open(at) if at.connection == from => Step::Same,
            State::New | State::Asking { .. } | State::Open(_) | State::Adrift(_) | State::Ended(_) => {
                Step::Stray
            }
        }
    }

    /// A connector does not take it, for `end`. If that is [`End::TooMany`], another one may.
    pub fn handle_refusal(&mut self, from: ConnectionId, end: End) -> Step {
        match self.state {
            State::Asking { at, .. } if at.connection == from => {
                if end == End::TooMany {
                    self.refused.push(at.connector);
                    return Step::Elsewhere;
                }
                self.end(end);
                Step::Ended
            }
            State::New | State::Asking { .. } | State::Open(_) | State::Adrift(_) | State::Ended(_) => {
                Step::Stray
            }
        }
    }

    /// A connector has ended it, and says why.
    pub fn handle_unregistered(&mut self, from: ConnectionId, why: String) -> Step {
        match &mut self.state {
            State::Open(at) | State::Asking { at, before: None, .. } if at.connection == from => {
                self.end(End::Unregistered(why));
                Step::Ended
            }
            State::Asking { before, .. } if before.is_some_and(|before| before.connection == from) => {
                // It goes on where it has been asked for.
                *before = None;
                Step::Same
            }
            State::New | State::Asking { .. } | State::Open(_) | State::Adrift(_) | State::Ended(_) => {
                Step::Stray
            }
        }
    }

    /// A connection has gone; true if the session must go elsewhere.
    pub fn handle_gone(&mut self, connection: ConnectionId) -> bool {
        match &mut self.state {
            State::Open(at) | State::Asking { at, before: None, .. } if at.connection == connection => {
                self.state = State::Adrift(*at);
                true
            }
            State::Asking { at, before, .. } => {
                if before.is_some_and(|before| before.connection == connection) {
                    *before = None;
                }
                at.connection == connection
            }
            State::New | State::Open(_) | State::Adrift(_) | State::Ended(_) => false,
        }
    }

    /// The user sends a datagram: where it goes, if anywhere.
    pub fn handle_send(&mut self, now: Duration) -> Option<Stop> {
        let at = match self.state {
            // A call may take its time, and until then nobody knows the session at its new place.
            State::Asking {
                before: Some(before),
                asking: Asking::Once,
                ..
            } => before,
            State::Adrift(_) => return None,
            State::New | State::Asking { .. } | State::Open(_) | State::Ended(_) => self.at()?,
        };
        self.has_asked = true;
        self.passed_at = now;
        Some(at)
    }

    /// A connection brings a datagram.
    pub fn handle_datagram(&mut self, from: ConnectionId, now: Duration) -> Arrival {
        let is_here = match &self.state {
            State::Open(at) => at.connection == from,
            State::Asking { at, before, .. } => {
                at.connection == from || before.is_some_and(|before| before.connection == from)
            }
            State::New | State::Adrift(_) | State::Ended(_) => false,
        };
        if !is_here {
            return Arrival::Foreign;
        }
        if !self.has_asked {
            return Arrival::Unasked;
        }
        self.passed_at = now;
        Arrival::Deliver
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) -> Todo {
        match &mut self.state {
            State::Asking {
                asking,
                begun,
                repeated,
                ..
            } => {
                let waited = now.saturating_sub(*begun);
                let limit = match asking {
                    Asking::Repeated => REPEATED_LIMIT,
                    Asking::Once => ONCE_LIMIT,
                };
                if waited >= limit {
                    self.end(End::TimedOut);
                    return Todo::Ended;
                }
                let due = ASK_AGAIN.get(*repeated).is_some_and(|due| waited >= *due);
                if *asking == Asking::Repeated && due {
                    *repeated += 1;
                    return Todo::AskAgain;
                }
                Todo::Nothing
            }
            State::Open(_) if now.saturating_sub(self.passed_at) >= self.idle => {
                self.end(End::Idle);
                Todo::Ended
            }
            State::New | State::Open(_) | State::Adrift(_) | State::Ended(_) => Todo::Nothing,
        }
    }

    /// It is over; the first reason given is the one that is kept.
    pub fn end(&mut self, end: End) {
        if self.ended().is_none() {
            self.state = State::Ended(end);
        }
    }

    /// Where it is, has been asked for, or was when its connection went.
    #[must_use]
    pub const fn at(&self) -> Option<Stop> {
        match &self.state {
            State::Open(at) | State::Asking { at, .. } | State::Adrift(at) => Some(*at),
            State::New | State::Ended(_) => None,
        }
    }

    /// True if a connector has it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Why it is over, if it is.
    #[must_use]
    pub const fn ended(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::New | State::Asking { .. } | State::Open(_) | State::Adrift(_) => None,
        }
    }

    /// The connectors that have as many flows as they may, since it was last open.
    #[must_use]
    pub fn refused(&self) -> &[ConnectorId] {
        &self.refused
    }
}

#[cfg(test)]
mod tests;
