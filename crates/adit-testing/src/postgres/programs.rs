//! PostgreSQL's programs on this machine, and the user they run as.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{getgid, getuid};

/// Why tests with PostgreSQL are left out.
const ABSENT: &str = "no PostgreSQL 15 or newer in /usr/lib/postgresql (Debian package postgresql-15)";
const NO_FLOCK: &str = "no flock (Debian package util-linux)";

/// Where Debian puts each version's programs.
const HOME: &str = "/usr/lib/postgresql";
/// The oldest version that Adit is for.
const OLDEST: u32 = 15;

/// Root's stand-in when there is no user `postgres`: `nobody`.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// The programs of one version, and whom they run as.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    dir: PathBuf,
    user: u32,
    group: u32,
}

/// This process's user.
pub(super) fn own_user() -> u32 {
    getuid().as_raw()
}

impl Programs {
    /// The oldest version that is recent enough: what works on it works on newer ones.
    pub(super) fn find() -> Result<Self, &'static str> {
        let versions = fs::read_dir(HOME).map_err(|_| ABSENT)?;
        let dir = versions
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let version: u32 = entry.file_name().to_str()?.parse().ok()?;
                let programs = entry.path().join("bin");
                (version >= OLDEST && programs.join("initdb").is_file()).then_some((version, programs))
            })
            .min()
            .map(|(_, programs)| programs)
            .ok_or(ABSENT)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|dir| dir.join("flock").is_file()) {
            return Err(NO_FLOCK);
        }
        let (user, group) = match (getuid().as_raw(), getgid().as_raw()) {
            // PostgreSQL does not run as root.
            (0, _) => user_of_packages().unwrap_or(NOBODY),
            own => own,
        };
        Ok(Self { dir, user, group })
    }

    /// The id of the user they run as.
    pub(super) const fn user(&self) -> u32 {
        self.user
    }

    /// A program with its path, as that user.
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.dir.join(program)
    }

    /// A command of PostgreSQL's, to be run in `dir`.
    pub(super) fn command(&self, program: &str, dir: &Path) -> Command {
        self.as_user(&self.path(program), dir)
    }

    /// A command as the user of the server, without this process's variables and terminal.
    pub(super) fn as_user(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(dir)
            .stdin(Stdio::null());
        if own_user() == 0 {
            command.uid(self.user).gid(self.group);
        }
        command
    }

    /// Makes a directory that is the server's alone, if it is missing.
    pub(super) fn make_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => self.own(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a new directory that is the server's alone.
    pub(super) fn new_dir(&self) -> PathBuf {
        let dir = tempfile::Builder::new().prefix("adit-postgres-own-").tempdir();
        let dir = dir.expect("a temporary directory can be made").keep();
        self.own(&dir)
            .expect("a directory can be given to the server's user");
        dir
    }

    fn own(&self, dir: &Path) -> io::Result<()> {
        chown(dir, Some(self.user), Some(self.group))
    }
}

/// User and group that Debian's packages make for PostgreSQL.
fn user_of_packages() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:"))?;
    let mut fields = line.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
