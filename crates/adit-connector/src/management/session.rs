//! What becomes of what a viewer says, and of its silence. Holds no socket and reads no clock.
//! Source: cloudflare/cloudflared: management/service.go.

use std::time::{Duration, Instant};

use super::asked::{Asked, BadMessage, Filters};

/// How long a viewer may be connected without lines flowing to it.
const IDLE_LIMIT: Duration = Duration::from_secs(5 * 60);
/// How often a viewer is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// Why a stream of log lines ends: a WebSocket's close code, and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

impl Ending {
    pub(super) const DONE: Self = Self::new(1000, "context closed");
    pub(super) const NO_MESSAGE: Self = Self::new(1003, "no message of a viewer");
    pub(super) const TOO_LARGE: Self = Self::new(1009, "the message is too large");
    pub(super) const BAD_START: Self = Self::new(4001, "expected start streaming as first event");
    pub(super) const TAKEN: Self = Self::new(4002, "limit exceeded for streaming sessions");
    pub(super) const IDLE: Self = Self::new(4003, "session was idle for too long");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Order {
    /// Lines are to flow; [`Session::handle_started`] follows if they do.
    Start(Filters),
    /// They are to stop.
    Stop,
    /// Ask whether the viewer lives.
    Ping,
    /// It is over.
    End(Ending),
}

/// One viewer.
#[derive(Debug)]
pub(super) struct Session {
    /// While no lines flow.
    idle_at: Option<Instant>,
    ping_at: Instant,
}

impl Session {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            idle_at: Some(now + IDLE_LIMIT),
            ping_at: now + PING_INTERVAL,
        }
    }

    /// A text message has come.
    pub(super) fn handle_text(&mut self, text: &str, now: Instant) -> Order {
        match Asked::read(text) {
            Ok(Asked::Start(filters)) => Order::Start(filters),
            Ok(Asked::Stop) => {
                self.idle_at = Some(now + IDLE_LIMIT);
                Order::Stop
            }
            Err(BadMessage::BadStart) => Order::End(Ending::BAD_START),
            Err(BadMessage::Unknown) => Order::End(Ending::NO_MESSAGE),
        }
    }

    /// Lines flow from now on.
    pub(super) fn handle_started(&mut self) {
        self.idle_at = None;
    }

    /// When [`Session::handle_timeout`] has something to say.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.idle_at.map_or(self.ping_at, |idle| idle.min(self.ping_at))
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Order> {
        if self.idle_at.is_some_and(|idle| now >= idle) {
            return Some(Order::End(Ending::IDLE));
        }
        if now < self.ping_at {
            return None;
        }
        self.ping_at = now + PING_INTERVAL;
        Some(Order::Ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"type":"start_streaming"}"#;
    const STOP: &str = r#"{"type":"stop_streaming"}"#;

    /// Drives the clock to `until` and says how often a ping was due, and how it ended.
    fn wait(session: &mut Session, until: Instant) -> (u32, Option<Ending>) {
        let mut pings = 0;
        while session.poll_timeout() <= until {
            match session.handle_timeout(session.poll_timeout()) {
                Some(Order::Ping) => pings += 1,
                Some(Order::End(ending)) => return (pings, Some(ending)),
                other => panic!("{other:?}"),
            }
        }
        (pings, None)
    }

    #[test]
    fn a_viewer_that_asks_for_nothing_is_pinged_and_let_go_after_five_minutes() {
        let start = Instant::now();
        let mut session = Session::new(start);
        let (pings, ending) = wait(&mut session, start + IDLE_LIMIT);
        assert!((19..=20).contains(&pings), "{pings}");
        assert_eq!(ending, Some(Ending::IDLE));
        assert_eq!(ending.unwrap().code, 4003);
    }

    #[test]
    fn a_viewer_whose_lines_flow_stays_until_it_has_stopped_them_for_five_minutes() {
        let start = Instant::now();
        let mut session = Session::new(start);
        assert!(matches!(session.handle_text(START, start), Order::Start(_)));
        session.handle_started();
        let later = start + 3 * IDLE_LIMIT;
        assert_eq!(wait(&mut session, later).1, None);
        assert_eq!(session.handle_text(STOP, later), Order::Stop);
        assert_eq!(wait(&mut session, later + IDLE_LIMIT / 2).1, None);
        assert_eq!(wait(&mut session, later + IDLE_LIMIT).1, Some(Ending::IDLE));
    }

    #[test]
    fn a_refused_start_does_not_hold_the_connection_open() {
        let start = Instant::now();
        let mut session = Session::new(start);
        assert!(matches!(session.handle_text(START, start), Order::Start(_)));
        assert_eq!(wait(&mut session, start + IDLE_LIMIT).1, Some(Ending::IDLE));
    }

    #[test]
    fn messages_that_are_none_end_it_with_their_code() {
        let now = Instant::now();
        let mut session = Session::new(now);
        let bad_start = r#"{"type":"start_streaming","filters":{"level":"loud"}}"#;
        assert_eq!(session.handle_text(bad_start, now), Order::End(Ending::BAD_START));
        assert_eq!(session.handle_text("{", now), Order::End(Ending::NO_MESSAGE));
    }
}
