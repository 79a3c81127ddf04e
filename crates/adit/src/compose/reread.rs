//! SIGHUP: the configuration is read again. What can change while the process runs does; the rest is named.

use crate::{
    config::{ConfigError, Settings},
    logging::Logging,
};

/// Reads flags, variables and file once more.
pub(crate) type Reread = Box<dyn Fn() -> Result<Settings, ConfigError> + Send + Sync>;

/// Reads the configuration again. One that cannot be used changes nothing.
pub(super) fn reread(running: &Settings, read: &Reread, logging: &Logging) {
    let settings = match read() {
        Ok(settings) => settings,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "cannot read the configuration again; nothing changes");
            return;
        }
    };
    let before = logging.set(&settings.log_level);
    let needs_restart = settings.differences(running, &["log.level"]).join(", ");
    if needs_restart.is_empty() {
        tracing::info!(
            log_level = settings.log_level.0,
            before,
            "configuration read again"
        );
    } else {
        tracing::warn!(
            log_level = settings.log_level.0,
            before,
            needs_restart,
            "configuration read again; some changes wait for a restart"
        );
    }
}
