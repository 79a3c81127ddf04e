//! The signals that stop a process: the first one drains, the second one does not wait. And SIGHUP, which a process
//! with a configuration takes as a word to read it again.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What stops a process.
const STOP: [i32; 2] = [SIGTERM, SIGINT];

/// SIGTERM and SIGINT from now on.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes the signals over from the system. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and says which it was.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Whether SIGTERM or SIGINT has been sent, known before [`StopSignals::next`] is woken, however busy the machine is.
#[derive(Debug)]
pub(crate) struct StopSent {
    /// Set by the signals' handler.
    handled: Arc<AtomicBool>,
}

impl StopSent {
    /// From now on, as long as the process lives.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn watch() -> io::Result<Self> {
        let handled = Arc::new(AtomicBool::new(false));
        for signal in STOP {
            signal_hook::flag::register(signal, Arc::clone(&handled))?;
        }
        Ok(Self { handled })
    }

    /// True once the sender's `kill` has returned, save while the thread that takes the signal is about to run its handler.
    pub(crate) fn is_sent(&self) -> bool {
        // In this order: a signal that waits no longer is being handled.
        one_waits_for_a_thread() || self.handled.load(Ordering::Acquire)
    }
}

/// Whether the process has one whose handler no thread has begun to run. Never where there is no /proc.
fn one_waits_for_a_thread() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| names_a_stop_signal(&status))
}

/// Reads the line `ShdPnd` of proc_pid_status(5): hexadecimal, signal 1 is the lowest bit.
fn names_a_stop_signal(status: &str) -> bool {
    let waiting = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let waiting = waiting.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    waiting.is_some_and(|waiting| STOP.iter().any(|signal| waiting & (1 << (signal - 1)) != 0))
}

/// SIGHUP from now on. Without it the signal ends the process, as when its terminal is closed.
pub(crate) struct Hangups(Option<Signal>);

impl Hangups {
    /// Takes the signal over from the system if it is `wanted`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn listen(wanted: bool) -> io::Result<Self> {
        let hangup = wanted.then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self(hangup))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if let Some(hangup) = &mut self.0
            && hangup.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_signal_that_waits_is_seen_among_others() {
        let status =
            |digits: &str| format!("Name:\tadit\nSigPnd:\t0000000000004000\nShdPnd:\t{digits}\nSigBlk:\t0\n");
        assert!(names_a_stop_signal(&status("0000000000004000")), "SIGTERM");
        assert!(
            names_a_stop_signal(&status("0000000000010002")),
            "SIGINT and SIGCHLD"
        );
        assert!(
            !names_a_stop_signal(&status("0000000000010001")),
            "SIGHUP and SIGCHLD"
        );
        assert!(!names_a_stop_signal(&status("?")));
        assert!(!names_a_stop_signal(""));
    }
}
