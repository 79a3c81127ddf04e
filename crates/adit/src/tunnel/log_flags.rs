//! The flags of `tunnel` that say what is logged, and where to. Names, variables and defaults are the stock client's.

use std::path::PathBuf;

use clap::Args;

use super::options::{path, set};
use crate::{
    config::LogFormat,
    logging::{self, LogTarget},
    personality::Personality,
};

/// Who speaks of transports: what is below requests.
const TRANSPORTS: [&str; 7] = [
    "adit_net",
    "adit_rpc",
    "quinn",
    "quinn_proto",
    "h2",
    "hyper",
    "rustls",
];

/// What is logged, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct LogFlags {
    /// debug, info, warn, error or fatal
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "TUNNEL_LOGLEVEL",
        hide_env_values = true,
        default_value = "info",
        help_heading = "Connector"
    )]
    pub(super) loglevel: String,
    /// As --loglevel, for what is below requests: QUIC, HTTP/2, TLS
    #[arg(
        long,
        alias = "proto-loglevel",
        global = true,
        value_name = "LEVEL",
        env = "TUNNEL_TRANSPORT_LOGLEVEL",
        hide_env_values = true,
        default_value = "info",
        help_heading = "Connector"
    )]
    pub(super) transport_loglevel: String,
    /// A file for the log, beside stderr
    #[arg(long, global = true, value_name = "FILE", env = "TUNNEL_LOGFILE", hide_env_values = true,
        value_parser = path(), help_heading = "Connector")]
    pub(super) logfile: Option<PathBuf>,
    /// A directory for the log, beside stderr: the newest 6 MB are kept
    #[arg(long, global = true, value_name = "DIR", env = "TUNNEL_LOGDIRECTORY", hide_env_values = true,
        value_parser = path(), help_heading = "Connector")]
    pub(super) log_directory: Option<PathBuf>,
}

impl LogFlags {
    /// Starts the log of a connector.
    pub(super) fn start(&self, format: Option<&str>, personality: Personality) {
        let format = match format {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        };
        let level = directive(&self.loglevel);
        let (file, directory) = (set(self.logfile.as_ref()), set(self.log_directory.as_ref()));
        let target = match (file, directory) {
            (Some(file), _) => Some(LogTarget::File(file)),
            (None, Some(directory)) => Some(LogTarget::Directory(directory, personality.program())),
            (None, None) => None,
        };
        let opened = logging::start_connector(&self.directives(), Some(format), target);
        if let Err(error) = opened {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the log file cannot be written; the log goes to stderr"
            );
        }
        if level.is_none() {
            let told = &self.loglevel;
            tracing::error!("Failed to parse log level {told:?}, using \"info\" instead");
        }
        if let (Some(file), Some(directory)) = (file, directory) {
            tracing::error!(
                logfile = %file.display(), log_directory = %directory.display(),
                "logfile and log-directory exclude one another; the log goes to logfile"
            );
        }
    }

    fn directives(&self) -> String {
        let mut directives = directive(&self.loglevel).unwrap_or("info").to_owned();
        let transports = directive(&self.transport_loglevel).unwrap_or("info");
        for name in TRANSPORTS {
            directives.push_str(&format!(",{name}={transports}"));
        }
        directives
    }
}

/// What the stock client's word for a level means to our filter; `None` if it is no such word.
fn directive(level: &str) -> Option<&'static str> {
    Some(match level {
        "" | "info" => "info",
        "trace" => "trace",
        "debug" => "debug",
        "warn" => "warn",
        // There is nothing above errors: who wants less than them wants at least those.
        "error" | "fatal" | "panic" => "error",
        "disabled" => "off",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_have_a_level_of_their_own() {
        let flags = LogFlags {
            loglevel: "debug".to_owned(),
            transport_loglevel: "warn".to_owned(),
            logfile: None,
            log_directory: None,
        };
        let directives = flags.directives();
        assert!(directives.starts_with("debug,adit_net=warn,"), "{directives}");
        assert!(directives.contains(",quinn=warn,"), "{directives}");
    }

    #[test]
    fn the_words_for_levels_are_the_stock_clients() {
        for (word, means) in [
            ("fatal", Some("error")),
            ("", Some("info")),
            ("disabled", Some("off")),
            ("loud", None),
        ] {
            assert_eq!(directive(word), means, "{word}");
        }
    }
}
