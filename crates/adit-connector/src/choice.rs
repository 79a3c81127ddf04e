//! Which transport the connector's dials use. Holds no socket and no clock.
//!
//! With [`Protocol::Quic`] preferred, a slot whose dials stay without an answer makes the connector fall back to HTTP/2:
//! something on the way drops UDP. QUIC is then tried again in the background, ever more seldom, and slots move back once
//! it works. Slots that are down after a fall-back still dial QUIC every second time: it may have been the edge that was
//! away, not UDP that was dropped.

use std::fmt;
use std::time::{Duration, Instant};

/// The longest pause between two tries of QUIC in the background.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How a connection is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Over UDP.
    Quic,
    /// Over TLS over TCP.
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Http2 => "http2",
        })
    }
}

/// What the operator wants of the transport (`--protocol`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// QUIC, and HTTP/2 where QUIC does not come through.
    #[default]
    Auto,
    /// This one and no other.
    Only(Protocol),
}

/// The connector's choice, shared by its slots.
#[derive(Debug)]
pub(crate) struct Choice {
    wanted: ProtocolChoice,
    current: Protocol,
    /// This many dials of one slot may fail before the fall-back.
    patience: u32,
    /// The first pause before QUIC is tried again.
    pause: Duration,
    next_try: Option<(Instant, Duration)>,
}

impl Choice {
    /// `patience` dials of one slot may fail without a fall-back; after it QUIC is tried again after `pause`, then twice
    /// as long, and so on.
    pub(crate) fn new(wanted: ProtocolChoice, patience: u32, pause: Duration) -> Self {
        let current = match wanted {
            ProtocolChoice::Auto => Protocol::Quic,
            ProtocolChoice::Only(protocol) => protocol,
        };
        Self {
            wanted,
            current,
            patience,
            pause,
            next_try: None,
        }
    }

    /// What connections should use now.
    pub(crate) fn current(&self) -> Protocol {
        self.current
    }

    /// What a slot that is down dials with, `nth` (from 0) since it went down.
    pub(crate) fn for_dial(&self, nth: u32) -> Protocol {
        match self.wanted {
            ProtocolChoice::Auto if self.current == Protocol::Http2 && nth % 2 == 1 => Protocol::Quic,
            ProtocolChoice::Auto | ProtocolChoice::Only(_) => self.current,
        }
    }

    /// So many QUIC dials of one slot have stayed without an answer, one after the other. Whether the connector falls
    /// back now.
    pub(crate) fn handle_unanswered(&mut self, in_a_row: u32, now: Instant) -> bool {
        let falls =
            self.wanted == ProtocolChoice::Auto && self.current == Protocol::Quic && in_a_row > self.patience;
        if falls {
            self.current = Protocol::Http2;
            self.next_try = Some((now + self.pause, self.pause));
        }
        falls
    }

    /// Whether the slot that asks is to try QUIC now, beside its connection. The next slot is told no.
    pub(crate) fn take_try(&mut self, now: Instant) -> bool {
        let Some((due, pause)) = self.next_try.filter(|(due, _)| *due <= now) else {
            return false;
        };
        let pause = (pause * 2).min(LONGEST_PAUSE).max(self.pause);
        self.next_try = Some((due.max(now) + pause, pause));
        true
    }

    /// The network has changed: QUIC may well work now.
    pub(crate) fn handle_network_change(&mut self, now: Instant) {
        if self.next_try.is_some() {
            self.next_try = Some((now, self.pause));
        }
    }

    /// A QUIC connection is registered. Whether that is news.
    pub(crate) fn handle_quic_works(&mut self) -> bool {
        let news = self.wanted == ProtocolChoice::Auto && self.current == Protocol::Http2;
        if news {
            self.current = Protocol::Quic;
            self.next_try = None;
        }
        news
    }

    /// When a slot should ask [`Choice::take_try`] again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next_try.map(|(due, _)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    #[test]
    fn the_ninth_unanswered_dial_of_a_slot_falls_back() {
        let now = Instant::now();
        let mut choice = Choice::new(ProtocolChoice::Auto, 8, PAUSE);
        assert!((1..=8).all(|nth| !choice.handle_unanswered(nth, now)));
        assert_eq!(choice.current(), Protocol::Quic);
        assert!(choice.handle_unanswered(9, now));
        assert_eq!(choice.current(), Protocol::Http2);
        assert!(!choice.handle_unanswered(10, now), "once");
    }

    #[test]
    fn a_fixed_transport_is_never_left() {
        for protocol in [Protocol::Quic, Protocol::Http2] {
            let mut choice = Choice::new(ProtocolChoice::Only(protocol), 0, PAUSE);
            assert!(!choice.handle_unanswered(100, Instant::now()));
            assert!((0..10).all(|nth| choice.for_dial(nth) == protocol));
            assert_eq!(choice.poll_timeout(), None);
        }
    }

    #[test]
    fn after_a_fall_back_quic_is_tried_by_one_slot_and_ever_more_seldom() {
        let start = Instant::now();
        let mut choice = Choice::new(ProtocolChoice::Auto, 0, PAUSE);
        assert!(choice.handle_unanswered(1, start));
        assert!(!choice.take_try(start));
        let mut waits = Vec::new();
        let mut now = start;
        for _ in 0..8 {
            let due = choice.poll_timeout().unwrap();
            waits.push(due - now);
            now = due;
            assert!(choice.take_try(now));
            assert!(!choice.take_try(now), "another slot");
        }
        assert_eq!(waits[..3], [PAUSE, 2 * PAUSE, 4 * PAUSE]);
        assert_eq!(waits[7], LONGEST_PAUSE);
        choice.handle_network_change(now);
        assert!(choice.take_try(now));
    }

    #[test]
    fn quic_that_works_again_is_used_by_all() {
        let now = Instant::now();
        let mut choice = Choice::new(ProtocolChoice::Auto, 0, PAUSE);
        assert!(!choice.handle_quic_works(), "no news");
        assert!(choice.handle_unanswered(1, now));
        assert_eq!(
            [choice.for_dial(0), choice.for_dial(1)],
            [Protocol::Http2, Protocol::Quic]
        );
        assert!(choice.handle_quic_works());
        assert_eq!(choice.current(), Protocol::Quic);
        assert_eq!(choice.poll_timeout(), None);
    }
}
