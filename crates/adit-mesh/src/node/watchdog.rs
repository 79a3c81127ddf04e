//! A process of its own that acts when the node's cannot.
//!
//! A stopped process keeps its device and its addresses, and the kernel goes on answering for them. The watchdog knows
//! when the node's lease ends; when the node does nothing about it, the watchdog takes the virtual addresses away and the
//! device down, and runs the user's command for a replica that is passive. It ends with the node: its socket to the node
//! ends, however the node does. Of one that was killed the kernel takes the device; the command is the watchdog's to run.

mod guard;
mod order;

use std::{
    ffi::OsString,
    io,
    os::fd::OwnedFd,
    process::Stdio,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use tokio::process::{Child, Command};

use super::hooks::SECRETS;
pub use guard::guard;
pub(super) use order::{Order, StandDown};

/// How long after the end of a lease the node has to act by itself.
pub const GRACE: Duration = Duration::from_millis(200);
/// How often a watchdog that ended is started anew.
const REST: Duration = Duration::from_secs(1);
/// The most bytes of an order.
const MAX_ORDER: usize = 64 * 1024;

/// How the watchdog is started: a program that calls [`guard`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchdogCommand {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// The node's end. Dropping it ends the watchdog.
#[derive(Debug)]
pub(super) struct Watchdog {
    command: Option<WatchdogCommand>,
    running: Option<(Socket, Child)>,
    started: Option<Instant>,
    told: Order,
    problem: Option<String>,
}

impl Watchdog {
    /// Without a command there is none. Starts nothing yet.
    pub(super) fn new(command: Option<WatchdogCommand>) -> Self {
        Self {
            command,
            running: None,
            started: None,
            told: Order::default(),
            problem: None,
        }
    }

    /// Says what it is to do from now on. Never waits. Must be called inside a tokio runtime.
    pub(super) fn tell(&mut self, order: Order) {
        if order == self.told {
            return;
        }
        self.told = order;
        self.send();
    }

    /// Makes sure that there is one; to be called now and then while it is needed. It is told at once what the one before
    /// knew.
    pub(super) fn look_after(&mut self) {
        let has_ended = match &mut self.running {
            Some((_, child)) => !matches!(child.try_wait(), Ok(None)),
            None => true,
        };
        let rested = self.started.is_none_or(|started| started.elapsed() >= REST);
        if has_ended && rested && self.command.is_some() {
            self.start();
            self.send();
        }
    }

    /// Why there is none although there is to be one.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn start(&mut self) {
        let Some(command) = &self.command else {
            return;
        };
        self.started = Some(Instant::now());
        match spawn(command) {
            Ok(running) => {
                self.running = Some(running);
                self.problem = None;
            }
            Err(error) => {
                tracing::error!(%error, "cannot start the watchdog: a node that is stopped keeps its virtual addresses");
                self.running = None;
                self.problem = Some(format!("cannot start the watchdog: {error}"));
            }
        }
    }

    fn send(&self) {
        let Some((socket, _)) = &self.running else {
            return;
        };
        match self.told.write() {
            // One that is gone is found by its end, and one that is stopped itself cannot be helped.
            Ok(text) => drop(socket.send(&text)),
            Err(error) => tracing::error!(%error, "cannot tell the watchdog"),
        }
    }
}

fn spawn(command: &WatchdogCommand) -> io::Result<(Socket, Child)> {
    let (ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET.cloexec(), None)?;
    ours.set_nonblocking(true)?;
    let mut child = Command::new(&command.program);
    for secret in SECRETS {
        child.env_remove(secret);
    }
    let child = child
        .args(&command.arguments)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // What stops the node at its terminal must not stop this.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    Ok((ours, child))
}

#[cfg(test)]
mod tests;
