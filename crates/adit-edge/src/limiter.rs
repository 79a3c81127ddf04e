//! Holds a host name to its limits: without a lock, and without an allocation.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use adit_core::host_limits::{HostLimits, Rate};

/// The limits of one name or wildcard, and how much of them is used up at this edge.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: HostLimits,
    rate: Option<Rate>,
    began: Instant,
    /// The state of `rate`.
    taken: AtomicU64,
    /// Outlives a change of the limits, as the requests do that it counts.
    in_flight: Arc<AtomicU32>,
}

/// Which limit a request ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// `requests_per_second`; the next one gets in after this time.
    Rate(Duration),
    /// `concurrent_requests`.
    Concurrency,
}

/// A request's place among those in flight; it is free when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicU32>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Limiter {
    /// A limiter in the place of `before`, if there was one.
    pub(crate) fn new(limits: HostLimits, before: Option<&Self>) -> Self {
        Self {
            limits,
            rate: limits.rate(),
            began: Instant::now(),
            taken: AtomicU64::new(0),
            in_flight: before.map_or_else(Arc::default, |before| Arc::clone(&before.in_flight)),
        }
    }

    pub(crate) const fn limits(&self) -> &HostLimits {
        &self.limits
    }

    /// Lets a request in, until what this returns is dropped.
    pub(crate) fn enter(&self, now: Instant) -> Result<InFlight, Exceeded> {
        // All are counted, so that a limit that is set now knows of those that run.
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let place = InFlight(Arc::clone(&self.in_flight));
        if self
            .limits
            .concurrent_requests()
            .is_some_and(|most| before >= most)
        {
            return Err(Exceeded::Concurrency);
        }
        if let Some(rate) = self.rate {
            self.take(rate, now.saturating_duration_since(self.began))
                .map_err(Exceeded::Rate)?;
        }
        Ok(place)
    }

    fn take(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let mut seen = self.taken.load(Ordering::Relaxed);
        loop {
            let after = rate.take(seen, now)?;
            let swapped = self
                .taken
                .compare_exchange_weak(seen, after, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return Ok(()),
                Err(newer) => seen = newer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::host_limits::WrittenLimits;

    use super::*;

    fn limits(per_second: Option<u64>, concurrent: Option<u64>) -> HostLimits {
        HostLimits::read(WrittenLimits {
            requests_per_second: per_second,
            concurrent_requests: concurrent,
            ..WrittenLimits::default()
        })
        .unwrap()
    }

    #[test]
    fn a_refused_request_takes_up_nothing() {
        let limiter = Limiter::new(limits(Some(2), Some(1)), None);
        let now = limiter.began;
        let first = limiter.enter(now).unwrap();
        for _ in 0..10 {
            assert_eq!(limiter.enter(now).unwrap_err(), Exceeded::Concurrency);
        }
        drop(first);
        drop(limiter.enter(now).unwrap());
        let wait = Duration::from_millis(500);
        assert_eq!(limiter.enter(now).unwrap_err(), Exceeded::Rate(wait));
        limiter.enter(now + wait).unwrap();
    }

    #[test]
    fn changed_limits_know_of_the_requests_that_run() {
        let before = Limiter::new(limits(Some(5), None), None);
        let running = before.enter(before.began).unwrap();
        let after = Limiter::new(limits(None, Some(1)), Some(&before));
        assert_eq!(after.enter(after.began).unwrap_err(), Exceeded::Concurrency);
        drop(running);
        after.enter(after.began).unwrap();
    }

    #[test]
    fn threads_together_get_no_more_than_one_would() {
        let limiter = Limiter::new(limits(Some(1000), None), None);
        let now = limiter.began;
        let admitted = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if limiter.enter(now).is_ok() {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 1000);
    }
}
