//! How results are printed.

use serde::Serialize;

use super::{options::TunnelOptions, render::in_json, yaml::ToYaml};
use crate::{failure::Failure, output};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For programs, and people who like it.
    Yaml,
}

impl ResultFormat {
    /// The one that was asked for.
    ///
    /// # Errors
    /// If there is no such format.
    pub(super) fn of(options: &TunnelOptions) -> Result<Self, Failure> {
        match options.output.as_deref() {
            None | Some("" | "default") => Ok(Self::Table),
            Some("json") => Ok(Self::Json),
            Some("yaml") => Ok(Self::Yaml),
            Some(other) => {
                Err(Failure::misuse(format!("{other:?} is no output format")).hint("--output json or yaml"))
            }
        }
    }

    /// Prints a result, as a text for people or as what it is for programs.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(super) fn print<T: Serialize + ToYaml + ?Sized>(
        self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        output::result(&match self {
            Self::Table => text(),
            Self::Json => in_json(value)?,
            Self::Yaml => value.to_yaml().document(),
        })
    }

    /// As [`ResultFormat::print`], for the pages of a list: of no page, the stock client prints no list as JSON.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(super) fn print_list<T: Serialize + ToYaml>(
        self,
        values: &[T],
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if values.is_empty() && self == Self::Json {
            return output::result("null\n");
        }
        self.print(values, text)
    }
}
