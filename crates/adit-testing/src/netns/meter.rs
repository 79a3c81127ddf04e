//! What hosts notice of a failure: how long nothing arrives, whether connections live, who answers for an address.
//!
//! Each meter runs on a thread of its own, on sockets of the namespace it was started in, until it is dropped.

mod frames;
mod pings;
mod stream;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

pub use frames::{Frames, Mac, answers_for, tunnelled_pings};
pub use pings::Pings;
pub use stream::Stream;

/// How often a meter sends.
pub const PACE: Duration = Duration::from_millis(10);
/// What counts as a flow that goes on: so much of it within [`STEADY`].
const STEADY_SHARE: usize = 2;
/// Over which time.
const STEADY: Duration = Duration::from_millis(300);

/// When something arrived, in order.
#[derive(Debug, Clone, Default)]
pub struct Arrivals(Arc<Mutex<Vec<Instant>>>);

impl Arrivals {
    fn note(&self) {
        self.0.lock().push(Instant::now());
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// The longest time without one that ended after that moment, whenever it began; `None` if none came after it.
    #[must_use]
    pub fn gap_after(&self, moment: Instant) -> Option<Duration> {
        longest(&self.0.lock(), moment)
    }

    /// Whether they come regularly now: at least half of what is sent.
    #[must_use]
    pub fn are_steady(&self) -> bool {
        let (now, all) = (Instant::now(), self.0.lock());
        let recent = all
            .iter()
            .rev()
            .take_while(|at| now.duration_since(**at) < STEADY)
            .count();
        recent * STEADY_SHARE * duration_millis(PACE) >= duration_millis(STEADY)
    }
}

fn duration_millis(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX)
}

fn longest(all: &[Instant], after: Instant) -> Option<Duration> {
    all.windows(2)
        .filter_map(|pair| match pair {
            [before, next] if *next > after => Some(next.duration_since(*before)),
            _ => None,
        })
        .max()
}

/// A thread that goes on until this is dropped.
#[derive(Debug)]
struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// `work` ends soon after the flag has become true.
    fn start(work: impl FnOnce(&AtomicBool) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        Self {
            stop,
            thread: Some(thread::spawn(move || work(&flag))),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Whether it panicked has been told where it did.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The times to send at: as far behind as the machine made us, we do not hurry.
struct Pace {
    next: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { next: Instant::now() }
    }

    /// How long until the next one; zero when it is due, which it is said once.
    fn wait(&mut self) -> Duration {
        let now = Instant::now();
        if now < self.next {
            return self.next.duration_since(now);
        }
        self.next = (self.next + PACE).max(now);
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_may_begin_before_the_failure_and_ends_after_it() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let all: Vec<Instant> = [0, 500, 510, 520, 900, 910].map(at).into();
        assert_eq!(longest(&all, at(525)), Some(Duration::from_millis(380)));
        assert_eq!(longest(&all, at(100)), Some(Duration::from_millis(500)));
        assert_eq!(longest(&all, at(910)), None);
        assert_eq!(longest(&[], start), None);
    }

    #[test]
    fn what_is_regular_is_steady() {
        let arrivals = Arrivals::default();
        assert!(!arrivals.are_steady());
        (0..40).for_each(|_| arrivals.note());
        assert!(arrivals.are_steady());
    }
}
