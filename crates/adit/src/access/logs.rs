//! Where a forwarder's log lines go.

use std::path::PathBuf;

use clap::Args;

use crate::{
    config::LogFormat,
    logging::{self, LogTarget},
    output,
    personality::Personality,
    tunnel::options::{path, set},
};

/// The flags.
#[derive(Debug, Clone, Args)]
pub(super) struct LogFlags {
    /// Log into this file
    #[arg(long, value_name = "FILE", value_parser = path())]
    logfile: Option<PathBuf>,
    /// Log into files of this directory
    #[arg(long, value_name = "DIR", value_parser = path())]
    log_directory: Option<PathBuf>,
    /// debug, info, warn, error or fatal
    #[arg(long, visible_alias = "loglevel", value_name = "LEVEL")]
    log_level: Option<String>,
}

impl LogFlags {
    /// Starts logging: on the terminal, unless that is the connection's, and into a file, if one is named.
    pub(super) fn start(&self, terminal: bool, personality: Personality) {
        let given = self.log_level.as_deref().filter(|level| !level.is_empty());
        let level = match given {
            None => Some("info"),
            Some("fatal" | "panic") => Some("error"),
            Some(level @ ("trace" | "debug" | "info" | "warn" | "error")) => Some(level),
            Some(_) => None,
        };
        let target = match (set(self.logfile.as_ref()), set(self.log_directory.as_ref())) {
            (Some(file), _) => Some(LogTarget::File(file)),
            (None, Some(directory)) => Some(LogTarget::Directory(directory, personality.program())),
            (None, None) => None,
        };
        let terminal = terminal.then_some(LogFormat::Text);
        if let Err(error) = logging::start_connector(level.unwrap_or("info"), terminal, target) {
            output::note(&format!("the log file cannot be written: {error}"));
        }
        if let (Some(told), None) = (given, level) {
            tracing::error!("Failed to parse log level {told:?}, using \"info\" instead");
        }
    }
}
