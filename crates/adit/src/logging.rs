//! Log lines go to stderr, and to files where somebody wants them there.

#[cfg(feature = "server")]
mod access;
mod batch;
mod files;
mod lines;
#[cfg(feature = "server")]
mod server;

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::OnceLock,
};

use adit_connector::LogTap;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt, util::SubscriberInitExt};

#[cfg(feature = "server")]
pub(crate) use self::server::{Logging, start};
use self::{batch::Batch, files::Rolling, lines::Lines};
use crate::config::LogFormat;

/// Where lines wait to be written.
static BATCH: OnceLock<Batch> = OnceLock::new();
/// Where those for a file do.
static FILE: OnceLock<Batch> = OnceLock::new();

/// Where a connector's lines go beside stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogTarget<'a> {
    /// One file that grows.
    File(&'a Path),
    /// A directory that keeps the newest lines, in files of that name.
    Directory(&'a Path, &'static str),
}

/// Starts the log of a connector, in the shapes of the stock client's: to stderr unless that is somebody else's (`None`), and as
/// JSON to `target`. Viewers may follow
/// it from afar: [`tap`].
///
/// # Errors
/// If the file cannot be opened; then lines go to stderr alone, or nowhere.
pub(crate) fn start_connector(
    directives: &str,
    format: Option<LogFormat>,
    target: Option<LogTarget<'_>>,
) -> io::Result<()> {
    let file: io::Result<Option<Batch>> = target
        .map(|target| match target {
            LogTarget::File(path) => files::growing(path).map(Batch::start),
            LogTarget::Directory(path, name) => Rolling::open(path, name).map(Batch::start),
        })
        .transpose();
    let (file, outcome) = match file {
        Ok(file) => (file, Ok(())),
        Err(error) => (None, Err(error)),
    };
    let file = file.map(|file| FILE.get_or_init(|| file).clone());
    let shape = format.map(|format| match format {
        LogFormat::Text => Lines::Text {
            colours: io::stderr().is_terminal(),
        },
        LogFormat::Json => Lines::Json,
    });
    let layer = |batch: Batch, shape: Lines| {
        fmt::layer()
            .event_format(shape)
            .with_writer(batch)
            .log_internal_errors(false)
            .with_filter(filter(directives))
            .boxed()
    };
    let stderr = || BATCH.get_or_init(|| Batch::start(io::stderr())).clone();
    let mut layers: Vec<_> = shape.map(|shape| layer(stderr(), shape)).into_iter().collect();
    layers.extend(file.map(|file| layer(file, Lines::Json)));
    layers.push(tap().layer().boxed());
    let _ = tracing_subscriber::registry().with(layers).try_init();
    outcome
}

/// Where a connector's viewers get its lines from, whatever level is logged.
pub(crate) fn tap() -> LogTap {
    static TAP: OnceLock<LogTap> = OnceLock::new();
    TAP.get_or_init(LogTap::new).clone()
}

fn filter(directives: &str) -> EnvFilter {
    EnvFilter::builder().parse_lossy(directives)
}

/// Returns when everything that was logged before has been written, after two seconds at the latest.
pub(crate) fn flush() {
    for batch in [&BATCH, &FILE].into_iter().filter_map(OnceLock::get) {
        batch.flush();
    }
}
