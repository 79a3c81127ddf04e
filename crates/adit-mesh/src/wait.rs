//! Waiting for file descriptors, and telling a waiting thread to stop.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Waits until `fd` can be written to; `false` if it could not by then.
pub fn until_writable(fd: BorrowedFd<'_>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    !left.is_zero() && matches!(poll(&mut fds, Some(&timespec(left))), Ok(1..))
}

/// Waits until one of these can be read, for at most this long; says which can.
pub fn until_readable<const N: usize>(fds: [BorrowedFd<'_>; N], patience: Duration) -> [bool; N] {
    let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    // An interrupted wait is one in which nothing came.
    let _ = poll(&mut fds, Some(&timespec(patience)));
    fds.map(|fd| !fd.revents().is_empty())
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// A flag that can be waited for like a socket, and that stays up.
#[derive(Debug)]
pub struct Stop(OwnedFd);

impl Stop {
    /// A flag that is down.
    ///
    /// # Errors
    /// If there are no file descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Puts it up.
    pub fn tell(&self) {
        // It can only fail when the counter is at its end, and then the flag is up.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_is_up_stays_up() {
        let stop = Stop::new().unwrap();
        assert_eq!(until_readable([stop.as_fd()], Duration::ZERO), [false]);
        stop.tell();
        for _ in 0..2 {
            assert_eq!(until_readable([stop.as_fd()], Duration::from_secs(5)), [true]);
        }
    }
}
