//! `adit version`

use crate::{failure::Failure, output, personality::Personality};

/// The version of `cloudflared` that this one replaces, and its own.
pub(crate) const AFTER_NAME: &str = concat!("version 2026.8.2 (adit ", env!("CARGO_PKG_VERSION"), ")");

#[derive(Debug, clap::Args)]
pub(crate) struct Version {
    /// Only the number
    #[arg(long, short)]
    short: bool,
    /// Ignored, as by the stock client
    #[arg(hide = true)]
    rest: Vec<String>,
}

impl Version {
    /// Prints it.
    pub(crate) fn print(&self, personality: Personality) -> Result<(), Failure> {
        let own = env!("CARGO_PKG_VERSION");
        output::result(&match (personality, self.short) {
            (Personality::Adit, false) => format!("adit {own}\n"),
            (Personality::Adit, true) => format!("{own}\n"),
            (Personality::Cloudflared, false) => format!("cloudflared {AFTER_NAME}\n"),
            (Personality::Cloudflared, true) => "2026.8.2\n".to_owned(),
        })
    }
}
