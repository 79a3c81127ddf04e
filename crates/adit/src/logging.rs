//! Log lines go to stderr.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// Starts logging. `directives` were checked when the configuration was read; later calls change nothing.
pub(crate) fn start(directives: &str, format: LogFormat) {
    let filter = EnvFilter::builder().parse_lossy(directives);
    // A line that cannot be written is lost: to complain about it would need the same stderr.
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match format {
        LogFormat::Text => registry
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}
