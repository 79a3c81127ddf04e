//! Which way a node's datagrams take to the hub, and when it changes: UDP where it gets through, else a carrier.
//!
//! [`Ways`] holds no socket, task or clock: feed it with `handle_*`, [`Ways::handle_tick`] every [`TICK`] among them, then
//! drain [`Ways::poll_act`].
//!
//! - The hub is asked for a sign of life every second. What counts is its answer: that other things come says nothing of the
//!   way there. But a hub that is heard and does not answer may only have too much to do: it has
//!   three times as long.
//! - Silent for half of [`Timing::patience`]: handshakes are tried at its UDP addresses in turn, and carriers opened beside.
//! - Silent for all of it, and a carrier has been open for a second in which no handshake was answered: the carrier is
//!   taken, QUIC rather than TLS. After a restart of the edge UDP is back as soon as carriers are, and wins.
//! - On a carrier, UDP is probed every [`Timing::probe_every`]; the first handshake that is answered there leads back. If
//!   UDP fails again soon after, the next probes wait longer, up to eight times as long, since each such change costs the
//!   time of `patience`.
//! - On TLS, QUIC is tried as often, and taken when it works.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::carrier::CarrierKind;

/// How often [`Ways::handle_tick`] wants to be called.
pub const TICK: Duration = Duration::from_millis(200);
/// After how long a silent hub is asked.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// How often it is asked then.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How often a handshake is tried at another UDP address.
const DIAL_EVERY: Duration = Duration::from_secs(1);
/// How long a carrier is open before it is taken.
const SETTLED: Duration = Duration::from_secs(1);
/// How long the hub is heard by UDP before carriers are closed.
const CALM: Duration = Duration::from_secs(5);
/// How long after a carrier failed it is opened again: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How many times longer a hub that is heard may leave questions unanswered.
const STIRRING: u32 = 3;
/// How many times longer than usual probes wait at most.
const MOST_WAIT: u32 = 8;

/// How datagrams get to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// As they are.
    Udp,
    /// In QUIC.
    Quic,
    /// In TLS over TCP.
    Tls,
}

impl Way {
    /// Whether it is one that is only taken for want of a better one.
    #[must_use]
    pub const fn is_degraded(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

impl From<CarrierKind> for Way {
    fn from(kind: CarrierKind) -> Self {
        match kind {
            CarrierKind::Quic => Self::Quic,
            CarrierKind::Tls => Self::Tls,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Quic => "quic",
            Self::Tls => "tls",
        })
    }
}

/// What may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long the hub is silent before another way is taken. Default 3 s.
    pub patience: Duration,
    /// How often UDP is probed while it is not taken. Default 60 s.
    pub probe_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(3),
            probe_every: Duration::from_secs(60),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Ask the hub for a sign of life by the way in use.
    Ask,
    /// Send to the UDP address in this place from now on, and begin a handshake there.
    Dial(usize),
    /// Begin a handshake at the UDP address in this place, beside the carrier in use.
    Probe(usize),
    /// Open a carrier; [`Ways::handle_opened`] or [`Ways::handle_failed`] follows.
    Open(CarrierKind),
    /// Send by this carrier, which is open.
    Take(CarrierKind),
    /// Close a carrier, or stop to open it; nothing follows.
    Close(CarrierKind),
}

/// How a carrier stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Shut { again: Instant, failures: u32 },
    Opening { failures: u32 },
    Open { since: Instant },
}

/// Decides which way is taken.
#[derive(Debug)]
pub struct Ways {
    timing: Timing,
    on: Way,
    /// When the hub last answered by the way in use, or that was taken.
    answered: Instant,
    /// When anything of the hub came.
    stirred: Option<Instant>,
    next_question: Instant,
    /// When UDP was last come back to.
    returned: Option<Instant>,
    next_probe: Instant,
    probe_wait: Duration,
    /// UDP addresses that this round of probes has not come to yet.
    unprobed: usize,
    places: usize,
    /// The next to be tried, and the last that was.
    place: usize,
    tried: usize,
    has_carriers: bool,
    quic: Carrier,
    tls: Carrier,
    acts: VecDeque<Act>,
}

const KINDS: [CarrierKind; 2] = [CarrierKind::Quic, CarrierKind::Tls];

impl Ways {
    /// The hub has so many UDP addresses, the first of which was just dialled, and may take carriers.
    #[must_use]
    pub fn new(timing: Timing, places: usize, has_carriers: bool, now: Instant) -> Self {
        let shut = Carrier::Shut {
            again: now,
            failures: 0,
        };
        Self {
            timing,
            on: Way::Udp,
            answered: now,
            stirred: None,
            next_question: now + ASK_AFTER,
            returned: None,
            next_probe: now,
            probe_wait: timing.probe_every,
            unprobed: 0,
            places,
            place: 0,
            tried: 0,
            has_carriers,
            quic: shut,
            tls: shut,
            acts: VecDeque::new(),
        }
    }

    /// The way in use.
    #[must_use]
    pub const fn way(&self) -> Way {
        self.on
    }

    /// The next thing to be done.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The hub has other addresses now, which are to be tried at once; it may take carriers there.
    pub fn handle_places(&mut self, places: usize, has_carriers: bool, now: Instant) {
        (self.places, self.place) = (places, 0);
        self.has_carriers = has_carriers;
        for kind in KINDS {
            self.close(kind, now);
        }
        self.on = Way::Udp;
        self.begin_udp(now);
    }

    /// The hub has answered by the way in use: it is open in both directions.
    pub fn handle_answer(&mut self, now: Instant) {
        self.answered = now;
        if self.on == Way::Udp {
            self.place = self.tried;
        }
    }

    /// Something of the hub came, which is no answer.
    pub fn handle_stir(&mut self, now: Instant) {
        self.stirred = Some(now);
    }

    /// A handshake was answered by UDP while a carrier was in use: datagrams go by UDP already.
    pub fn handle_returned(&mut self, now: Instant) {
        if self.on != Way::Udp {
            self.on = Way::Udp;
            (self.answered, self.returned) = (now, Some(now));
            (self.unprobed, self.place) = (0, self.tried);
        }
    }

    /// A carrier is open.
    pub fn handle_opened(&mut self, kind: CarrierKind, now: Instant) {
        *self.carrier(kind) = Carrier::Open { since: now };
    }

    /// A carrier could not be opened, or is no longer open.
    pub fn handle_failed(&mut self, kind: CarrierKind, now: Instant) {
        let failures = match *self.carrier(kind) {
            Carrier::Opening { failures } | Carrier::Shut { failures, .. } => failures.saturating_add(1),
            // One that lasted was no failure of the way.
            Carrier::Open { since } => u32::from(now.saturating_duration_since(since) < CALM),
        };
        let backoff = BACKOFF.0.saturating_mul(1 << failures.min(8)).min(BACKOFF.1);
        *self.carrier(kind) = Carrier::Shut {
            again: now + backoff,
            failures,
        };
        if self.on == kind.into() {
            self.fall_back(now);
        }
    }

    /// Time has passed.
    pub fn handle_tick(&mut self, now: Instant) {
        let since = |at: Instant| now.saturating_duration_since(at);
        let silent = if self.stirred.is_some_and(|at| since(at) < ASK_AFTER) {
            since(self.answered) / STIRRING
        } else {
            since(self.answered)
        };
        match self.on {
            Way::Udp => self.look_at_udp(silent, now),
            Way::Quic => self.look_at_carrier(CarrierKind::Quic, silent, now),
            Way::Tls => self.look_at_carrier(CarrierKind::Tls, silent, now),
        }
    }

    fn look_at_udp(&mut self, silent: Duration, now: Instant) {
        if silent < self.timing.patience / 2 {
            let is_calm = self
                .returned
                .is_none_or(|returned| now.saturating_duration_since(returned) >= CALM);
            if silent < ASK_AFTER && is_calm {
                for kind in KINDS {
                    self.close(kind, now);
                }
            }
            return self.ask(now);
        }
        if silent >= self.timing.patience
            && let Some(kind) = self.settled(now)
        {
            return self.take(kind, now);
        }
        for kind in KINDS {
            self.open(kind, now);
        }
        if now >= self.next_question {
            self.next_question = now + DIAL_EVERY;
            let place = self.next_place();
            self.acts.push_back(Act::Dial(place));
        }
    }

    fn look_at_carrier(&mut self, kind: CarrierKind, silent: Duration, now: Instant) {
        if silent >= self.timing.patience {
            self.acts.push_back(Act::Close(kind));
            return self.handle_failed(kind, now);
        }
        self.ask(now);
        if kind == CarrierKind::Tls
            && let Some(CarrierKind::Quic) = self.settled(now)
        {
            self.close(CarrierKind::Tls, now);
            return self.take(CarrierKind::Quic, now);
        }
        if now < self.next_probe {
            return;
        }
        if self.unprobed == 0 {
            (self.unprobed, self.place) = (self.places, 0);
            if kind == CarrierKind::Tls {
                self.open(CarrierKind::Quic, now);
            }
        }
        if self.unprobed > 0 {
            let place = self.next_place();
            self.acts.push_back(Act::Probe(place));
            self.unprobed -= 1;
        }
        // An answer to one must come before the next one makes it void.
        self.next_probe = now
            + if self.unprobed > 0 {
                DIAL_EVERY
            } else {
                self.probe_wait
            };
    }

    fn ask(&mut self, now: Instant) {
        let silent = now.saturating_duration_since(self.answered);
        if silent >= ASK_AFTER && now >= self.next_question {
            self.next_question = now + ASK_EVERY;
            self.acts.push_back(Act::Ask);
        }
    }

    /// The best carrier that has been open for a while.
    fn settled(&mut self, now: Instant) -> Option<CarrierKind> {
        KINDS.into_iter().find(|kind| match *self.carrier(*kind) {
            Carrier::Open { since } => now.saturating_duration_since(since) >= SETTLED,
            Carrier::Shut { .. } | Carrier::Opening { .. } => false,
        })
    }

    fn take(&mut self, kind: CarrierKind, now: Instant) {
        if self.on == Way::Udp {
            let relapsed = self
                .returned
                .is_some_and(|returned| now.saturating_duration_since(returned) < self.timing.probe_every);
            let usual = self.timing.probe_every;
            self.probe_wait = if relapsed {
                self.probe_wait
                    .saturating_mul(2)
                    .min(usual.saturating_mul(MOST_WAIT))
            } else {
                usual
            };
            self.next_probe = now + self.probe_wait;
            self.unprobed = 0;
        }
        self.on = kind.into();
        (self.answered, self.next_question) = (now, now + ASK_EVERY);
        self.acts.push_back(Act::Take(kind));
    }

    /// The carrier in use is gone: another one that is open, or UDP.
    fn fall_back(&mut self, now: Instant) {
        if let Some(kind) = KINDS
            .into_iter()
            .find(|kind| matches!(*self.carrier(*kind), Carrier::Open { .. }))
        {
            return self.take(kind, now);
        }
        self.on = Way::Udp;
        self.place = 0;
        self.begin_udp(now);
    }

    fn begin_udp(&mut self, now: Instant) {
        (self.answered, self.next_question) = (now, now + DIAL_EVERY);
        let place = self.next_place();
        self.acts.push_back(Act::Dial(place));
    }

    fn next_place(&mut self) -> usize {
        self.tried = self.place;
        self.place = (self.place + 1) % self.places.max(1);
        self.tried
    }

    fn open(&mut self, kind: CarrierKind, now: Instant) {
        if let Carrier::Shut { again, failures } = *self.carrier(kind)
            && now >= again
            && self.has_carriers
        {
            *self.carrier(kind) = Carrier::Opening { failures };
            self.acts.push_back(Act::Open(kind));
        }
    }

    fn close(&mut self, kind: CarrierKind, now: Instant) {
        if !matches!(*self.carrier(kind), Carrier::Shut { .. }) {
            *self.carrier(kind) = Carrier::Shut {
                again: now,
                failures: 0,
            };
            self.acts.push_back(Act::Close(kind));
        }
    }

    fn carrier(&mut self, kind: CarrierKind) -> &mut Carrier {
        match kind {
            CarrierKind::Quic => &mut self.quic,
            CarrierKind::Tls => &mut self.tls,
        }
    }
}
