//! Programs that make a task more complete but are not needed for it, from Debian's packages.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::step::{on_path, say};

/// A program and where it comes from.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The program as it is called on `PATH`, or [`INITDB`].
    pub(crate) program: &'static str,
    /// The Debian package that brings it.
    pub(crate) package: &'static str,
    /// What is left out without it, by name.
    pub(crate) without: &'static str,
}

/// Installs the tools that are missing, as root on Debian and its kin; elsewhere says what will be left out and why.
/// Never fails: a task does what it can with what is there.
pub(crate) fn install_missing(tools: &[Tool]) {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| here(tool.program).is_none()).collect();
    if missing.is_empty() {
        return;
    }
    let reason = match install(&missing) {
        Ok(()) => "its package did not bring it",
        Err(reason) => reason,
    };
    for tool in missing.into_iter().filter(|tool| here(tool.program).is_none()) {
        say(format!(
            "no `{}` here ({reason}; Debian package {}): left out: {}",
            tool.program, tool.package, tool.without
        ));
    }
}

/// Where Debian keeps the programs of each version of PostgreSQL.
const POSTGRES: &str = "/usr/lib/postgresql";
/// The oldest version that Adit is for.
const OLDEST_POSTGRES: u32 = 15;

/// Where a program is: on `PATH`; one of PostgreSQL's where the tests look for it (`adit_testing::postgres`), and nowhere
/// else.
pub(crate) fn here(program: &str) -> Option<PathBuf> {
    if program != INITDB {
        return on_path(program);
    }
    let versions = fs::read_dir(POSTGRES).ok()?;
    versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(program);
            (version >= OLDEST_POSTGRES && program.is_file()).then_some((version, program))
        })
        .min()
        .map(|(_, program)| program)
}

/// What makes a PostgreSQL server. The tests start theirs themselves.
pub(crate) const INITDB: &str = "initdb";

fn install(tools: &[&Tool]) -> Result<(), &'static str> {
    if on_path("apt-get").is_none() {
        return Err("no apt-get");
    }
    if !is_root() {
        return Err("only root can install it");
    }
    let packages: Vec<&str> = tools.iter().map(|tool| tool.package).collect();
    say(format!("installing Debian packages: {}", packages.join(" ")));
    // The lists of a fresh container are empty or old: they are fetched only when the first try shows it.
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    if apt_get(&install) || (apt_get(&["update"]) && apt_get(&install)) {
        Ok(())
    } else {
        Err("apt-get could not install it")
    }
}

/// Runs apt-get without questions, and gives up on a mirror that does not answer.
fn apt_get(args: &[&str]) -> bool {
    let limits = [
        "-qq",
        "-o",
        "Acquire::Retries=1",
        "-o",
        "Acquire::http::Timeout=15",
        "-o",
        "DPkg::Lock::Timeout=60",
    ];
    let mut command = Command::new("timeout");
    command
        .args(["300", "apt-get"])
        .args(limits)
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Programs are wanted, not the services that some packages start.
        .env("RUNLEVEL", "1");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_there_is_not_installed_again() {
        // The package does not exist: an attempt to install it would be seen in the output and take its time.
        install_missing(&[Tool {
            program: "sh",
            package: "no-such-package",
            without: "nothing",
        }]);
    }
}
