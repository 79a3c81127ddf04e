//! The log of a server or of a mesh node, whose level can be changed while it runs.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
};

use adit_core::port::{AccessLog, BadLogLevel, LogControl};
use parking_lot::Mutex;
use tracing_subscriber::{EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt};

use super::{BATCH, access::AccessLines, batch::Batch, filter};
use crate::config::{Directives, LogFormat};

/// The log of this process.
pub(crate) struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
    directives: Mutex<String>,
    access: Arc<AccessLines>,
}

/// Starts logging. `directives` were checked when the configuration was read; the first call of a process counts.
/// Call [`super::flush`] before it ends.
pub(crate) fn start(directives: &str, format: LogFormat) -> Arc<Logging> {
    let (filter, handle) = reload::Layer::new(filter(directives));
    // A line that cannot be written is lost: to complain about it would need the same stderr.
    let batch = BATCH.get_or_init(|| Batch::start(io::stderr())).clone();
    let access = Arc::new(AccessLines::new(batch.clone(), format));
    let lines = fmt::layer().with_writer(batch).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match format {
        LogFormat::Text => registry
            .with(lines.with_ansi(io::stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    Arc::new(Logging {
        filter: handle,
        directives: Mutex::new(directives.to_owned()),
        access,
    })
}

impl Logging {
    /// Where the edge's access log goes: with the other lines.
    pub(crate) fn access(&self) -> Arc<dyn AccessLog> {
        Arc::<AccessLines>::clone(&self.access)
    }

    /// Logs this from now on; what was logged before.
    pub(crate) fn set(&self, directives: &Directives) -> String {
        let mut current = self.directives.lock();
        // Fails only when nobody logs any more.
        let _ = self.filter.reload(filter(&directives.0));
        std::mem::replace(&mut *current, directives.0.clone())
    }
}

impl LogControl for Logging {
    fn log_level(&self) -> String {
        self.directives.lock().clone()
    }

    fn set_log_level(&self, directives: &str) -> Result<String, BadLogLevel> {
        let directives = Directives::read(directives).map_err(BadLogLevel)?;
        tracing::info!(log_level = directives.0, "log level set");
        Ok(self.set(&directives))
    }
}
