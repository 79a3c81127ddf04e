//! Flag over variable over file over default.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    ConfigError, Role, Settings,
    file::ConfigFile,
    keys::{KEYS, Key},
    value::Setting,
};

/// What the flags said: key and text.
pub(super) type FlagTexts = Vec<(&'static str, String)>;

/// Every place a value may come from, strongest first.
pub(super) struct Layers {
    role: Role,
    flags: FlagTexts,
    variables: Vec<(&'static str, String)>,
    file: ConfigFile,
}

/// A value before it is parsed, and who gave it.
struct Given<'a> {
    text: &'a str,
    origin: String,
}

impl Layers {
    /// Gathers what flags, variables and the file say.
    ///
    /// # Errors
    /// [`ConfigError`] if the file is unreadable, no TOML or has unknown keys, if a variable is no Unicode, or if
    /// something is set that this version does not have.
    pub(super) fn gather(
        role: Role,
        flags: FlagTexts,
        variable: impl Fn(&str) -> Option<OsString>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut variables = Vec::new();
        for key in KEYS {
            let name = key.variable();
            // An empty variable is how shells and units say "not set".
            let Some(value) = variable(&name).filter(|value| !value.is_empty()) else {
                continue;
            };
            let text = value.into_string().map_err(|_| ConfigError::BadValue {
                origin: name,
                problem: "its value is not UTF-8".to_owned(),
            })?;
            variables.push((key.name, text));
        }
        let file = file.map(ConfigFile::read).transpose()?.unwrap_or_default();
        let layers = Self {
            role,
            flags,
            variables,
            file,
        };
        layers.refuse_what_is_not_built()?;
        Ok(layers)
    }

    fn refuse_what_is_not_built(&self) -> Result<(), ConfigError> {
        match KEYS
            .iter()
            .filter(|key| !key.built)
            .find_map(|key| self.given(key))
        {
            Some(given) => Err(ConfigError::NotInThisVersion { origin: given.origin }),
            None => Ok(()),
        }
    }

    /// The value of the key with that name.
    pub(super) fn value<T: Setting>(&self, name: &'static str) -> Result<T, ConfigError> {
        let key = KEYS.iter().find(|key| key.name == name);
        let given = key.and_then(|key| self.given(key).or_else(|| self.fallback(key)));
        match given {
            Some(given) => T::parse(given.text).map_err(|problem| ConfigError::BadValue {
                origin: given.origin,
                problem,
            }),
            None => T::unset().ok_or_else(|| ConfigError::BadValue {
                origin: format!("`{name}`"),
                problem: "a value is needed".to_owned(),
            }),
        }
    }

    fn given(&self, key: &Key) -> Option<Given<'_>> {
        if let Some((_, text)) = self.flags.iter().find(|(name, _)| *name == key.name) {
            return Some(Given {
                text,
                origin: format!("--{}", key.flag()),
            });
        }
        if let Some((_, text)) = self.variables.iter().find(|(name, _)| *name == key.name) {
            return Some(Given {
                text,
                origin: key.variable(),
            });
        }
        let entry = self.file.get(key.name)?;
        Some(Given {
            text: &entry.text,
            origin: format!("{}: `{}`", entry.place, key.name),
        })
    }

    fn fallback(&self, key: &Key) -> Option<Given<'static>> {
        let text = key.fallback.text(self.role)?;
        Some(Given {
            text,
            origin: format!("`{}`", key.name),
        })
    }
}

impl Settings {
    /// Reads flags, variables and file.
    ///
    /// # Errors
    /// [`ConfigError`] says which key, where it was set, and what would fit.
    pub(super) fn load(
        role: Role,
        flags: FlagTexts,
        variable: impl Fn(&str) -> Option<OsString>,
        file: Option<&PathBuf>,
    ) -> Result<Self, ConfigError> {
        Self::resolve(&Layers::gather(
            role,
            flags,
            variable,
            file.map(PathBuf::as_path),
        )?)
    }

    /// What a file says to `adit server`, flags and variables aside.
    ///
    /// # Errors
    /// As [`ConfigError`] says.
    pub(crate) fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let layers = Layers::gather(Role::Server, FlagTexts::default(), |_| None, Some(path));
        Self::resolve(&layers?)
    }
}

#[cfg(test)]
mod tests;
