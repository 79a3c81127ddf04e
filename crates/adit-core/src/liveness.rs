//! Does a connection still answer?
//!
//! A peer that dies says nothing, and the transport takes seconds to be sure. Requests should not wait that long, so a
//! connection that owes an answer for a while is *suspect*: it gets no new work, and what is safe to ask again is asked
//! elsewhere. It is healthy again as soon as anything is heard from it.
//!
//! [`Liveness`] reads no clock: times are the span since any fixed moment.

use std::time::Duration;

/// How often a connection is looked at while it works or is in doubt.
const LOOK: Duration = Duration::from_millis(100);

/// How a connection fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It gets work.
    #[default]
    Healthy,
    /// Another connection of the same connector is suspect: it gets no new work until it is heard.
    Doubted,
    /// It owes an answer for too long.
    Suspect,
}

/// How much silence a transport's connections are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// An answer owed for this long makes a connection suspect.
    pub suspect_after: Duration,
    /// A connection that works, and was not heard for this long, is asked whether it lives. `None` where work alone
    /// makes the peer answer.
    pub ask_working: Option<Duration>,
    /// The same for an idle one.
    pub ask_idle: Option<Duration>,
}

impl Patience {
    /// For HTTP/2, where only a PING must be answered.
    pub const HTTP2: Self = Self {
        suspect_after: Duration::from_secs(1),
        ask_working: Some(Duration::from_millis(500)),
        ask_idle: Some(Duration::from_secs(5)),
    };

    /// For QUIC, whose peer acknowledges all that carries work: three probe timeouts, at least half a second. The
    /// probe timeout is taken as twice the round trip and the longest delay of an acknowledgement.
    /// Source: RFC 9002, section 6.2.1.
    #[must_use]
    pub fn quic(round_trip: Duration) -> Self {
        const ACK_DELAY: Duration = Duration::from_millis(26);
        const LEAST: Duration = Duration::from_millis(500);
        let probe_timeout = round_trip.saturating_mul(2).saturating_add(ACK_DELAY);
        Self {
            suspect_after: probe_timeout.saturating_mul(3).max(LEAST),
            ask_working: None,
            ask_idle: None,
        }
    }
}

/// What a transport knows of its peer at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// Rises whenever the peer is heard.
    pub heard: u64,
    /// The peer was asked something that it has not answered.
    pub owed: bool,
    /// Requests run on the connection.
    pub working: bool,
}

/// What follows from a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How the connection fares.
    pub health: Health,
    /// Ask the peer now whether it lives.
    pub ask: bool,
    /// Look again after this long; `None`: when it gets work.
    pub next: Option<Duration>,
}

/// The watch over one connection.
#[derive(Debug)]
pub struct Liveness {
    heard: u64,
    heard_at: Duration,
    asked_at: Duration,
    working_since: Option<Duration>,
    owing_since: Option<Duration>,
    doubt: Doubt,
}

/// What is thought of a connection whose sibling is suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// It is to be asked.
    Fresh,
    /// It was asked; whatever is heard from now on is the answer.
    Asked,
}

impl Liveness {
    /// A connection that has just come: it was heard now.
    #[must_use]
    pub const fn new(now: Duration, heard: u64) -> Self {
        Self {
            heard,
            heard_at: now,
            asked_at: now,
            working_since: None,
            owing_since: None,
            doubt: Doubt::None,
        }
    }

    /// Another connection to the same peer is suspect. The next look asks.
    pub const fn doubt(&mut self) {
        self.doubt = Doubt::Fresh;
    }

    /// Takes a look.
    pub fn look(&mut self, now: Duration, signs: Signs, patience: Patience) -> Verdict {
        if signs.heard != self.heard {
            self.heard = signs.heard;
            self.heard_at = now;
            self.owing_since = None;
            if self.doubt == Doubt::Asked {
                self.doubt = Doubt::None;
            }
        }
        self.owing_since = signs.owed.then(|| self.owing_since.unwrap_or(now));
        self.working_since = signs.working.then(|| self.working_since.unwrap_or(now));
        let ask = self.should_ask(now, signs, patience);
        if ask {
            self.asked_at = now;
            if self.doubt == Doubt::Fresh {
                self.doubt = Doubt::Asked;
            }
        }
        Verdict {
            health: self.health(now, patience),
            ask,
            next: self.next(now, patience),
        }
    }

    fn should_ask(&self, now: Duration, signs: Signs, patience: Patience) -> bool {
        let silent_since = self.heard_at.max(self.asked_at);
        let wait = match (self.doubt, self.working_since) {
            (Doubt::Fresh, _) => return true,
            _ if signs.owed => return false,
            (Doubt::Asked, _) => Some((patience.suspect_after, self.asked_at)),
            (Doubt::None, Some(since)) => patience.ask_working.map(|wait| (wait, silent_since.max(since))),
            (Doubt::None, None) => patience.ask_idle.map(|wait| (wait, silent_since)),
        };
        wait.is_some_and(|(wait, since)| now.saturating_sub(since) >= wait)
    }

    fn health(&self, now: Duration, patience: Patience) -> Health {
        let overdue = |since: Duration| now.saturating_sub(since) >= patience.suspect_after;
        match self.owing_since {
            Some(since) if overdue(since) => Health::Suspect,
            Some(_) | None if self.doubt != Doubt::None => Health::Doubted,
            Some(_) | None => Health::Healthy,
        }
    }

    fn next(&self, now: Duration, patience: Patience) -> Option<Duration> {
        if self.doubt != Doubt::None || self.owing_since.is_some() || self.working_since.is_some() {
            return Some(LOOK);
        }
        let silent_for = now.saturating_sub(self.heard_at.max(self.asked_at));
        patience
            .ask_idle
            .map(|wait| wait.saturating_sub(silent_for).max(LOOK))
    }
}

/// Tells whether a peer that acknowledges in its own time owes something, from two counters that only rise.
#[derive(Debug, Default)]
pub struct Tally {
    heard: u64,
    settled: u64,
}

impl Tally {
    /// `asked` counts what the peer must acknowledge, `heard` its acknowledgements: true if something was asked since
    /// it was last heard. What was asked in the same moment counts as settled; it is asked again if it is lost.
    pub const fn owed(&mut self, asked: u64, heard: u64) -> bool {
        if heard != self.heard {
            self.heard = heard;
            self.settled = asked;
        }
        asked > self.settled
    }
}

#[cfg(test)]
mod tests;
