//! Log lines go to stderr.

mod batch;

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use self::batch::Batch;
use crate::config::LogFormat;

/// Where lines wait to be written.
static BATCH: OnceLock<Batch> = OnceLock::new();

/// Starts logging. `directives` were checked when the configuration was read; later calls change nothing. Call [`flush`]
/// before the process ends.
pub(crate) fn start(directives: &str, format: LogFormat) {
    let filter = EnvFilter::builder().parse_lossy(directives);
    // A line that cannot be written is lost: to complain about it would need the same stderr.
    let lines = fmt::layer()
        .with_writer(BATCH.get_or_init(|| Batch::start(io::stderr())).clone())
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match format {
        LogFormat::Text => registry
            .with(lines.with_ansi(io::stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}

/// Returns when everything that was logged before has been written.
pub(crate) fn flush() {
    if let Some(batch) = BATCH.get() {
        batch.flush();
    }
}
