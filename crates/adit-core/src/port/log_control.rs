//! What is logged, changed while the process runs.

/// Directives that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLogLevel(pub String);

/// The way to whoever writes the log of this process.
pub trait LogControl: Send + Sync {
    /// What is logged: a level, or directives for each part, such as `info,adit_edge=debug`.
    fn log_level(&self) -> String;

    /// Logs this from now on; what was logged before.
    ///
    /// # Errors
    /// [`BadLogLevel`] says what would be right; nothing changes.
    fn set_log_level(&self, directives: &str) -> Result<String, BadLogLevel>;
}
