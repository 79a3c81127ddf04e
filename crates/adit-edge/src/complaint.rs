//! What goes on going wrong is said now and then, not each time.

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::io::Errno;
use tracing::error;

/// How often the same is said.
const BETWEEN: Duration = Duration::from_secs(60);

/// Remembers when something was last said.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    last: Option<Instant>,
}

impl Complaint {
    /// Whether it is time to say it (again).
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= BETWEEN);
        if due {
            self.last = Some(now);
        }
        due
    }

    /// The system gave no connection to those who dial. They stay in its queue, and are asked for again.
    pub(crate) fn cannot_accept(&mut self, diallers: &'static str, error: &io::Error) {
        if !self.is_due(Instant::now()) {
            return;
        }
        if is_out_of_files(error) {
            error!(
                %error, diallers,
                "out of file descriptors: connections wait. Raise the limit of open files (LimitNOFILE= of systemd, \
                 ulimit -Hn)"
            );
        } else {
            error!(%error, diallers, "cannot accept connections");
        }
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .map(|full| Some(full.raw_os_error()))
        .contains(&errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute() {
        let (mut complaint, start) = (Complaint::default(), Instant::now());
        let said: Vec<u64> = (0..150)
            .filter(|second| complaint.is_due(start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(said, [0, 60, 120]);
    }

    #[test]
    fn running_out_of_descriptors_is_told_from_other_failures() {
        for (number, out_of_files) in [(24, true), (23, true), (12, false)] {
            assert_eq!(
                is_out_of_files(&io::Error::from_raw_os_error(number)),
                out_of_files
            );
        }
        assert!(!is_out_of_files(&io::Error::other("24")));
    }
}
