//! Results to stdout, everything else to stderr.

use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Writes a result. A reader that went away (`adit tunnel list | head -1`) is no failure.
///
/// # Errors
/// If stdout cannot be written for another reason, such as a full disk.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    forgive_closed_pipe(write_all(io::stdout().lock(), text))
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot write to stdout")))
}

/// As [`result`]; false if the reader went away, so that whoever has more to say may stop.
pub(crate) fn result_unless_gone(text: &str) -> Result<bool, Failure> {
    match write_all(io::stdout().lock(), text) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(
            anyhow::Error::new(error).context("cannot write to stdout"),
        )),
    }
}

/// Tells the user something that is no result. If stderr is gone, nobody is there to hear of it.
pub(crate) fn note(text: &str) {
    let _ = write_all(io::stderr().lock(), &format!("{text}\n"));
}

/// Asks the user something: as [`note`], and the line goes on.
pub(crate) fn prompt(text: &str) {
    let _ = write_all(io::stderr().lock(), text);
}

fn write_all(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn forgive_closed_pipe(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
