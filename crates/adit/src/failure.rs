//! Why a command failed, as its user is told.

use std::{fmt, process::ExitCode};

use crate::personality::Personality;

/// A failed command: what failed, why, what to try, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    error: anyhow::Error,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Exit code 1: the command was understood and did not succeed.
    Failed,
    /// Exit code 2 (255 as `cloudflared`): the command makes no sense as it was given.
    Usage,
    /// Exit code 2 (3 as `cloudflared`): there is no such command.
    NoCommand,
    /// Exit code 2 (1 as `cloudflared`): as [`Kind::Usage`], where the stock client ends as if it had tried.
    Misuse,
    /// Exit code 0: a failure that the stock client, whose name we have, only tells of.
    Told,
}

impl Failure {
    /// The command did not succeed.
    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind: Kind::Failed,
            error: error.into(),
            hint: None,
        }
    }

    /// As [`Failure::failed`], told in one sentence.
    pub(crate) fn because(sentence: impl fmt::Display) -> Self {
        Self::failed(anyhow::anyhow!("{sentence}"))
    }

    /// The command was used wrongly.
    pub(crate) fn usage(sentence: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Usage,
            error: anyhow::anyhow!("{sentence}"),
            hint: None,
        }
    }

    /// The command was used wrongly, in a way that the stock client's exit code does not tell from any other failure.
    pub(crate) fn misuse(sentence: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Misuse,
            ..Self::usage(sentence)
        }
    }

    /// A group of commands was asked for one that it does not have.
    pub(crate) fn no_command(sentence: impl fmt::Display) -> Self {
        Self {
            kind: Kind::NoCommand,
            ..Self::usage(sentence)
        }
    }

    /// Exit code 0 under the stock client's name, which only tells of such failures; else as it was.
    #[must_use]
    pub(crate) const fn only_told_by_stock(mut self, personality: Personality) -> Self {
        match personality {
            Personality::Adit => {}
            Personality::Cloudflared => self.kind = Kind::Told,
        }
        self
    }

    /// Adds what to try.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code: 1 or 2; under the stock client's name it is that of the stock client.
    pub(crate) fn exit_code(&self, personality: Personality) -> ExitCode {
        match (self.kind, personality) {
            (Kind::Failed, _) | (Kind::Misuse, Personality::Cloudflared) => ExitCode::from(1),
            (Kind::Told, _) => ExitCode::SUCCESS,
            (Kind::Usage | Kind::Misuse | Kind::NoCommand, Personality::Adit) => ExitCode::from(2),
            (Kind::NoCommand, Personality::Cloudflared) => ExitCode::from(3),
            (Kind::Usage, Personality::Cloudflared) => ExitCode::from(255),
        }
    }
}

#[cfg(feature = "server")]
impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        let kind = if error.exit_code() == 2 {
            Kind::Usage
        } else {
            Kind::Failed
        };
        Self {
            kind,
            error: error.into(),
            hint: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.error)?;
        for cause in self.error.chain().skip(1) {
            write!(f, "\n  because: {cause}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  try: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_cause_and_remedy() {
        let error = anyhow::anyhow!("connection refused").context("cannot reach the API");
        let failure = Failure::failed(error).hint("start it with `adit up`");
        assert_eq!(
            failure.to_string(),
            "error: cannot reach the API\n  because: connection refused\n  try: start it with `adit up`"
        );
    }
}
