//! What `adit up` and `adit server` are told, by one rule for every key.
//!
//! Key `a.b_c` is the flag `--a-b-c`, the variable `ADIT_A_B_C` and, in the file, `b_c` of the table `[a]`.
//! The flag wins over the variable, the variable over the file, the file over the default. All keys are declared
//! once, in [`keys`]; flags, variables, file keys, help texts and the struct [`Settings`] follow from there.

#[cfg(feature = "server")]
mod bootstrap;
mod duration;
#[cfg(feature = "server")]
mod file;
#[cfg(feature = "server")]
mod flags;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod layers;
#[cfg(feature = "server")]
mod store_url;
mod value;

#[cfg(feature = "server")]
pub(crate) use bootstrap::Bootstrap;
pub(crate) use duration::GoDuration;
#[cfg(feature = "server")]
pub(crate) use flags::{ServerFlags, StateFlags, UpFlags};
#[cfg(feature = "server")]
pub(crate) use keys::Settings;
#[cfg(feature = "server")]
pub(crate) use store_url::StoreUrl;
#[cfg(feature = "server")]
pub(crate) use value::Directives;
pub(crate) use value::{GracePeriod, LogFormat};

#[cfg(feature = "server")]
use std::path::PathBuf;

/// Which command runs; some defaults differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `adit up`: everything in one process on loopback.
    Up,
    /// `adit server`: production, listening on all addresses.
    Server,
}

/// Why the configuration cannot be used.
#[cfg(feature = "server")]
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{place}: {problem}")]
    Syntax {
        /// File and line.
        place: String,
        /// What the parser says.
        problem: String,
    },
    /// Nobody reads this key.
    #[error("{place}: unknown key `{key}`{suggestion}")]
    UnknownKey {
        /// File and line.
        place: String,
        /// The key, with its table.
        key: String,
        /// The nearest known key, as a question, or nothing.
        suggestion: String,
    },
    /// A value does not fit its key.
    #[error("{origin}: {problem}")]
    BadValue {
        /// The flag, the variable, or file and line with the key.
        origin: String,
        /// What would fit.
        problem: String,
    },
    /// A key of a part that this version does not have.
    #[error("{origin} is not in this version")]
    NotInThisVersion {
        /// The flag, the variable, or file and line with the key.
        origin: String,
    },
}

#[cfg(feature = "server")]
impl ConfigError {
    /// 1 if the machine is at fault, 2 if the one who wrote the configuration.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Unreadable { .. } => 1,
            Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::BadValue { .. }
            | Self::NotInThisVersion { .. } => 2,
        }
    }
}
