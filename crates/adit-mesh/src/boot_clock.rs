//! A clock that goes on while the host sleeps.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Since the host was started, with the time that it slept: `CLOCK_BOOTTIME`. The same for every process of the host.
#[must_use]
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // The kernel gives neither a negative number nor more nanoseconds than a second has.
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_goes_forward() {
        let (first, second) = (super::now(), super::now());
        assert!(first > std::time::Duration::ZERO && second >= first);
    }
}
