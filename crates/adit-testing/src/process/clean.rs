//! Commands that do not see what the person who runs the tests has set.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use tokio::process::Command;

/// What Adit, its connector, the stock one, the official tools, PostgreSQL's clients and pytest read settings from.
const SETTINGS: [&str; 6] = [
    "ADIT_",
    "TUNNEL_",
    "CLOUDFLARE_",
    "PG",
    "PYTEST_",
    "NO_AUTOUPDATE",
];

/// A command in this process's environment, without any variable that would change what it does.
#[must_use]
pub fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in settings(env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    command
}

fn settings(names: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    names.filter(|name| {
        let name = name.as_encoded_bytes();
        SETTINGS.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_left_out_and_the_rest_of_the_environment_stays() {
        let names = [
            "PATH",
            "ADIT_STORE_URL",
            "HOME",
            "PGHOST",
            "TUNNEL_EDGE",
            "RUST_LOG",
        ];
        let found: Vec<_> = settings(names.map(OsString::from).into_iter()).collect();
        assert_eq!(found, ["ADIT_STORE_URL", "PGHOST", "TUNNEL_EDGE"]);
    }
}
