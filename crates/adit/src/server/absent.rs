//! This build has a connector alone. What it lacks says so, whatever it is asked with.

use std::ffi::OsString;

use crate::failure::Failure;

/// The arguments of a command that is not in this build; nobody reads them.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Absent {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<OsString>,
}

pub(crate) type UpFlags = Absent;
pub(crate) type ServerFlags = Absent;
pub(crate) type MeshArgs = Absent;
pub(crate) type BackupArgs = Absent;
pub(crate) type RestoreArgs = Absent;
pub(crate) type ManagementKeyArgs = Absent;

/// `adit up`
pub(crate) fn up(_flags: UpFlags) -> Result<(), Failure> {
    Err(absent("up", "no server"))
}

/// `adit server`
pub(crate) fn server(_flags: ServerFlags) -> Result<(), Failure> {
    Err(absent("server", "no server"))
}

/// `adit mesh`
pub(crate) fn mesh(_args: MeshArgs) -> Result<(), Failure> {
    Err(absent("mesh", "no mesh"))
}

/// `adit backup`
pub(crate) fn backup(_args: &BackupArgs) -> Result<(), Failure> {
    Err(absent("backup", "no server"))
}

/// `adit restore`
pub(crate) fn restore(_args: &RestoreArgs) -> Result<(), Failure> {
    Err(absent("restore", "no server"))
}

/// `adit management-key`
pub(crate) fn management_key(_args: &ManagementKeyArgs) -> Result<(), Failure> {
    Err(absent("management-key", "no server"))
}

fn absent(command: &str, lacks: &str) -> Failure {
    Failure::usage(format!(
        "this build of Adit has {lacks}, so `adit {command}` is not in it: it is the connector alone"
    ))
    .hint("the whole program: `cargo build --release -p adit`")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::{Adit, personality::Personality, run};

    #[test]
    fn what_is_not_in_this_build_says_so_whatever_it_is_asked_with() {
        for line in [
            "adit up",
            "adit up --no-demo --help",
            "adit server --config /etc/adit.toml",
            "adit mesh up --priority 3",
            "adit backup file --force",
            "adit restore file",
            "adit management-key rotate",
        ] {
            let adit = Adit::try_parse_from(line.split(' ')).unwrap();
            let told = run(adit.command, Personality::Adit).unwrap_err().to_string();
            assert!(told.contains("this build of Adit has no "), "{line}: {told}");
        }
    }
}
