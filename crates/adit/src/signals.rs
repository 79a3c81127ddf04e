//! The signals that stop a process: the first one drains, the second one does not wait. And SIGHUP, which a process
//! with a configuration takes as a word to read it again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
