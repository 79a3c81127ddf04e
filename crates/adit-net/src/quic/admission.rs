//! What to do with a stranger's first packet. Holds no clock: time is handed in.

use std::time::{Duration, Instant};

/// Bounds on strangers that begin a handshake.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// A handshake not finished by then is dropped. Default 5 s.
    pub deadline: Duration,
    /// Handshakes under way at once. A first packet above it is dropped without an answer, so that an honest client
    /// simply tries again a moment later. Default 1024.
    pub half_open: usize,
    /// Handshakes begun within a second before strangers must prove their address (a QUIC Retry, one round trip).
    /// Default 256.
    pub unproven_per_second: u32,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            half_open: 1024,
            unproven_per_second: 256,
        }
    }
}

/// The answer to a first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Shake hands.
    Accept,
    /// Let the client prove first that its address is its own.
    ProveAddress,
    /// No answer.
    Ignore,
}

/// Counts the handshakes of the current second.
#[derive(Debug)]
pub(super) struct Gate {
    limits: HandshakeLimits,
    window_start: Option<Instant>,
    begun: u32,
}

impl Gate {
    pub(super) fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            window_start: None,
            begun: 0,
        }
    }

    /// Decides on a first packet; `half_open` counts the handshakes under way.
    pub(super) fn admit(&mut self, now: Instant, half_open: usize, address_proven: bool) -> Admission {
        if half_open >= self.limits.half_open {
            return Admission::Ignore;
        }
        let within = |start| now.saturating_duration_since(start) < Duration::from_secs(1);
        if !self.window_start.is_some_and(within) {
            self.window_start = Some(now);
            self.begun = 0;
        }
        self.begun = self.begun.saturating_add(1);
        if self.begun > self.limits.unproven_per_second && !address_proven {
            return Admission::ProveAddress;
        }
        Admission::Accept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HandshakeLimits = HandshakeLimits {
        deadline: Duration::from_secs(5),
        half_open: 3,
        unproven_per_second: 2,
    };

    #[test]
    fn strangers_prove_their_address_only_in_a_busy_second() {
        let (mut gate, start) = (Gate::new(LIMITS), Instant::now());
        let answers = [(); 4].map(|()| gate.admit(start, 0, false));
        use Admission::{Accept, ProveAddress};
        assert_eq!(answers, [Accept, Accept, ProveAddress, ProveAddress]);
        assert_eq!(gate.admit(start, 0, true), Accept, "a proven address passes");
        assert_eq!(
            gate.admit(start + Duration::from_secs(1), 0, false),
            Accept,
            "the next second is calm"
        );
    }

    #[test]
    fn above_the_half_open_cap_nobody_gets_an_answer() {
        let (mut gate, start) = (Gate::new(LIMITS), Instant::now());
        assert_eq!(gate.admit(start, 3, true), Admission::Ignore);
        assert_eq!(gate.admit(start, 2, false), Admission::Accept);
    }
}
