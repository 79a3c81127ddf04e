//! Questions on a terminal.

use std::io::{self, BufRead, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use crate::{failure::Failure, output, signals::StopSignals};

/// Far above any answer.
const MAX_ANSWER_BYTES: u64 = 4096;

/// The terminal at standard input, with somebody who can answer.
pub(super) struct Terminal(());

impl Terminal {
    /// The terminal, if there is one to ask and to be asked on.
    pub(super) fn open() -> Option<Self> {
        (io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self(()))
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// If there is none, or a signal came instead.
    pub(super) async fn ask(&mut self, question: &str) -> Result<String, Failure> {
        output::prompt(&format!("{question}: "));
        line().await
    }

    /// Asks for a line that is not shown.
    ///
    /// # Errors
    /// If there is none, a signal came instead, or the terminal cannot be told to show nothing.
    pub(super) async fn ask_secretly(&mut self, question: &str) -> Result<String, Failure> {
        let unseen = Unseen::begin().map_err(|error| {
            Failure::failed(anyhow::Error::new(error).context("the terminal would show the secret"))
                .hint("--api-token-file FILE")
        })?;
        output::prompt(&format!("{question} (is not shown): "));
        let answer = line().await;
        drop(unseen);
        output::note("");
        answer
    }
}

/// A line, or the end of waiting for one. A thread of its own reads, as nothing else ends a read of a terminal; if a
/// signal comes first, it ends with the process.
async fn line() -> Result<String, Failure> {
    let mut signals = StopSignals::listen().map_err(Failure::failed)?;
    let (sender, answer) = oneshot::channel();
    let read = move || {
        let mut line = String::new();
        let read = io::stdin().lock().take(MAX_ANSWER_BYTES).read_line(&mut line);
        // If nobody waits any more, a signal was quicker.
        let _ = sender.send(read.map(|_| line));
    };
    std::thread::Builder::new()
        .name("answer".to_owned())
        .spawn(read)
        .map_err(Failure::failed)?;
    let line = tokio::select! {
        line = answer => line.map_err(Failure::failed)?.map_err(Failure::failed)?,
        signal = signals.next() => return Err(Failure::because(format!("ended by {signal}"))),
    };
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::because("no answer was given")),
        line => Ok(line.to_owned()),
    }
}

/// While it lives, the terminal shows nothing of what is typed.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // If the terminal is gone, nothing is left to be set right.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
