//! The keys as flags of the command line.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, builder::ValueParser};

use super::{
    ConfigError, Role, Settings,
    keys::{Fallback, KEYS, Key},
    layers::FlagTexts,
};

/// The flags of `adit up`.
#[derive(Debug, Clone, Default)]
pub(crate) struct UpFlags {
    texts: FlagTexts,
    config: Option<PathBuf>,
    /// Whether to leave out the demo tunnel.
    pub(crate) no_demo: bool,
}

/// The flags of `adit server`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerFlags {
    texts: FlagTexts,
    config: Option<PathBuf>,
    /// Whether to serve nothing but the API, for the test suites of the official SDKs. A flag alone, so that no
    /// file or variable turns it on unseen.
    pub(crate) conformance: bool,
}

/// The flags of commands that work on the state of an Adit, running or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateFlags {
    texts: FlagTexts,
    config: Option<PathBuf>,
}

/// The keys that those commands need.
const OF_STATE: [&str; 2] = ["data_dir", "store.url"];

impl StateFlags {
    /// The settings as `adit up` would take them from the same flags, variables and file.
    ///
    /// # Errors
    /// As [`ConfigError`] says.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::load(
            Role::Up,
            self.texts.clone(),
            |name| std::env::var_os(name),
            self.config.as_ref(),
        )
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

impl UpFlags {
    /// Whether there is a configuration file.
    pub(crate) const fn has_file(&self) -> bool {
        self.config.is_some()
    }

    /// All settings of `adit up`.
    ///
    /// # Errors
    /// As [`ConfigError`] says.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::load(
            Role::Up,
            self.texts.clone(),
            |name| std::env::var_os(name),
            self.config.as_ref(),
        )
    }
}

impl ServerFlags {
    /// All settings of `adit server`.
    ///
    /// # Errors
    /// As [`ConfigError`] says.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::load(
            Role::Server,
            self.texts.clone(),
            |name| std::env::var_os(name),
            self.config.as_ref(),
        )
    }
}

/// One flag per key. Values stay text here: they are parsed where those of variables and files are.
pub(super) fn key_flags(role: Role) -> Vec<Arg> {
    KEYS.iter()
        .map(|key| {
            let arg = Arg::new(key.name)
                .long(key.flag())
                .value_name(key.value_name)
                .help(help(key, role))
                .hide(!key.built)
                .action(ArgAction::Set)
                .value_parser(ValueParser::string());
            // A bare switch means yes.
            if key.value_name == "BOOL" {
                arg.num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
            } else {
                arg
            }
        })
        .collect()
}

fn help(key: &Key, role: Role) -> String {
    let variable = key.variable();
    match (key.fallback, key.fallback.text(role)) {
        (Fallback::Unset, _) | (_, None | Some("")) => format!("{} [env: {variable}]", key.help.trim()),
        (_, Some(default)) => format!("{} [default: {default}] [env: {variable}]", key.help.trim()),
    }
}

fn config_flag() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("A TOML file with any of these settings: `--a-b-c` is the key `b_c` of its table `[a]`")
        .value_parser(clap::value_parser!(PathBuf))
}

fn texts(matches: &ArgMatches) -> FlagTexts {
    KEYS.iter()
        .filter_map(|key| {
            // Some commands have some of the flags.
            let text = matches.try_get_one::<String>(key.name).ok().flatten()?;
            Some((key.name, text.clone()))
        })
        .collect()
}

impl Args for StateFlags {
    fn augment_args(command: Command) -> Command {
        let flags = key_flags(Role::Up).into_iter();
        let flags = flags.filter(|flag| OF_STATE.contains(&flag.get_id().as_str()));
        command.args(flags).arg(config_flag())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StateFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            texts: texts(matches),
            config: matches.get_one("config").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for UpFlags {
    fn augment_args(command: Command) -> Command {
        let no_demo = Arg::new("no-demo")
            .long("no-demo")
            .action(ArgAction::SetTrue)
            .help("Make no demo tunnel `hello` to a built-in origin");
        command.args(key_flags(Role::Up)).arg(config_flag()).arg(no_demo)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Args for ServerFlags {
    fn augment_args(command: Command) -> Command {
        let conformance = Arg::new("conformance")
            .long("conformance")
            .action(ArgAction::SetTrue)
            .help("Serve the API alone, with public credentials, for the test suites of the official SDKs");
        command
            .args(key_flags(Role::Server))
            .arg(config_flag())
            .arg(conformance)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for UpFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            texts: texts(matches),
            config: matches.get_one("config").cloned(),
            no_demo: matches.get_flag("no-demo"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl FromArgMatches for ServerFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            texts: texts(matches),
            config: matches.get_one("config").cloned(),
            conformance: matches.get_flag("conformance"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
