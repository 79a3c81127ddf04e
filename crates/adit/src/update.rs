//! `update`, and what the stock client has lost.

use crate::{failure::Failure, output, personality::Personality, tunnel::NO_PROXY_DNS};

/// Words that say nothing here.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct AnyWords {
    /// Whatever it is
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    words: Vec<String>,
}

/// `update`, with the stock client's flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    /// Of the stock client
    #[arg(long, hide = true)]
    beta: bool,
    /// Of the stock client
    #[arg(long, hide = true)]
    staging: bool,
    /// Of the stock client
    #[arg(long, hide = true)]
    force: bool,
    /// Of the stock client
    #[arg(long, hide = true, value_name = "VERSION")]
    version: Option<String>,
}

impl Update {
    /// Says that there is nothing to do. Exit code 0 means that to the stock client's own timer, too; it is 11 when something
    /// was updated.
    pub(crate) fn run(&self, personality: Personality) {
        let program = personality.program();
        output::note(&format!(
            "{program} (adit {}) does not update itself: whatever installed it does",
            env!("CARGO_PKG_VERSION")
        ));
    }
}

impl AnyWords {
    /// Answers `proxy-dns`.
    pub(crate) fn no_proxy_dns(&self) -> Result<(), Failure> {
        Err(Failure::because(NO_PROXY_DNS))
    }

    /// Answers `db-connect`.
    pub(crate) fn no_db_connect(&self) -> Result<(), Failure> {
        Err(Failure::usage(crate::tunnel::NO_DB_CONNECT))
    }
}
