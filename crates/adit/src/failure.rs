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

    /// Something that a later version will have.
    pub(crate) fn not_in_this_version(what: impl fmt::Display) -> Self {
        Self::usage(format!("{what} is not in this version"))
    }

    /// Adds what to try.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code: 1 or 2; the stock client's is 255 where ours is 2.
    pub(crate) fn exit_code(&self, personality: Personality) -> ExitCode {
        match (self.kind, personality) {
            (Kind::Failed, _) => ExitCode::from(1),
            (Kind::Usage, Personality::Adit) => ExitCode::from(2),
            (Kind::Usage, Personality::Cloudflared) => ExitCode::from(255),
        }
    }
}

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
