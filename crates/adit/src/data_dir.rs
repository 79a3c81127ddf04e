//! The directory that holds all state, and who may use it.
//!
//! It is 0700; one process at a time holds its lock. [`DataDir`] knows the places in it, [`DataDir::claim`] makes it
//! and takes the lock, [`mod@file`] writes files whole or not at all.

#[cfg(feature = "server")]
pub(crate) mod ca_bundle;
pub(crate) mod file;
#[cfg(feature = "server")]
pub(crate) mod key;
mod lock;
#[cfg(feature = "server")]
pub(crate) mod management_key;
pub(crate) mod run_file;

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub(crate) use lock::Lock;

use crate::config::Role;

/// A data directory, made or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// Nobody said where it is, and there is no home directory.
    #[error("no data directory: neither --data-dir, ADIT_DATA_DIR, XDG_DATA_HOME nor HOME is set")]
    Nowhere,
    /// Another process uses it.
    #[error("{path} is in use by {owner}", path = .path.display(), owner = owner(*.pid))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, if it has said who it is.
        pid: Option<u32>,
    },
    /// It holds other things, and others can read it.
    #[error("{path} is open to other users and holds files that are not Adit's", path = .path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// A restore into it stopped half way.
    #[error("{path} is half restored", path = .path.display())]
    HalfRestored {
        /// The directory.
        path: PathBuf,
    },
    /// A file in it is not what it should be.
    #[error("{path} is damaged: {problem}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file system refused.
    #[error("cannot {doing} {path}", path = .path.display())]
    Io {
        /// What was tried, such as `write`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or("another adit process".to_owned(), |pid| {
        format!("the adit process with pid {pid}")
    })
}

impl DataDir {
    /// Where it is: as configured (flag, variable or file), else the command's default.
    ///
    /// # Errors
    /// [`DataDirError::Nowhere`]
    pub(crate) fn locate(
        configured: Option<&Path>,
        role: Role,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, DataDirError> {
        let set = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let path = match (configured, role) {
            (Some(path), _) => path.to_owned(),
            (None, Role::Server) => PathBuf::from("/var/lib/adit"),
            (None, Role::Up) => set("XDG_DATA_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| set("HOME").map(|home| home.join(".local/share")))
                .ok_or(DataDirError::Nowhere)?
                .join("adit"),
        };
        // Its files are named to other programs, which run elsewhere.
        let path = std::path::absolute(&path).map_err(io_error("find", &path))?;
        Ok(Self { path })
    }

    /// Makes the directory if it is missing, closes it to other users, and takes its lock.
    ///
    /// # Errors
    /// [`DataDirError`] says what is in the way.
    pub(crate) fn claim(&self) -> Result<Lock, DataDirError> {
        self.make()?;
        Lock::take(&self.path)
    }

    fn make(&self) -> Result<(), DataDirError> {
        let path = &self.path;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io_error("make", path))?;
        let mode = fs::metadata(path)
            .map_err(io_error("read", path))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            // Never close a directory that is somebody else's, such as /tmp.
            let mut entries = fs::read_dir(path).map_err(io_error("read", path))?;
            if entries.next().is_some() && !path.join(lock::FILE_NAME).exists() {
                return Err(DataDirError::Foreign { path: path.clone() });
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io_error("close", path))?;
        }
        let keys = self.keys();
        private_dir(&keys).map_err(io_error("make", &keys))
    }

    /// Refuses a directory of which nobody knows whether it is old or new.
    ///
    /// # Errors
    /// [`DataDirError::HalfRestored`]
    pub(crate) fn refuse_half_restored(&self) -> Result<(), DataDirError> {
        if self.path.join(MOVING).exists() {
            return Err(DataDirError::HalfRestored {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    /// The directory itself, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has been made.
    pub(crate) fn exists(&self) -> bool {
        self.path.join(lock::FILE_NAME).exists()
    }

    /// `adit.lock`, which the running process holds.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path.join(lock::FILE_NAME)
    }

    /// `adit.db`, the embedded store.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("adit.db")
    }

    /// `ca.pem`, the certificate of Adit's CA.
    pub(crate) fn ca_certificate(&self) -> PathBuf {
        self.path.join("ca.pem")
    }

    /// `ca-bundle.pem`, the system's roots and Adit's CA.
    pub(crate) fn ca_bundle(&self) -> PathBuf {
        self.path.join("ca-bundle.pem")
    }

    /// `cert.pem`, the login certificate: the only place of the bootstrap token's plain text.
    pub(crate) fn login_certificate(&self) -> PathBuf {
        self.path.join("cert.pem")
    }

    /// `run.json`, what the running process listens on.
    pub(crate) fn run_file(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// `keys/`, the private keys, 0600 each.
    pub(crate) fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }
}

/// Makes a directory for its owner alone, if it is missing.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes durable what was made, moved or removed in a directory; `None` is the present one.
pub(crate) fn sync_dir(path: Option<&Path>) -> io::Result<()> {
    let path = path.filter(|path| !path.as_os_str().is_empty());
    fs::File::open(path.unwrap_or(Path::new(".")))?.sync_all()
}

/// What is in a data directory while a restore moves files to their places.
pub(crate) const MOVING: &str = "restore.moving";

fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DataDirError + use<'a> {
    move |cause| DataDirError::Io {
        doing,
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(configured: Option<&str>, role: Role, pairs: &[(&str, &str)]) -> Result<PathBuf, String> {
        let variable = |name: &str| {
            pairs
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        };
        DataDir::locate(configured.map(Path::new), role, variable)
            .map(|dir| dir.path)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_place_is_as_configured_or_the_commands_default() {
        let home = ("HOME", "/home/ada");
        let xdg = ("XDG_DATA_HOME", "/data");
        for (configured, role, pairs, path) in [
            (Some("/x"), Role::Up, vec![home, xdg], "/x"),
            (None, Role::Up, vec![home, xdg], "/data/adit"),
            (
                None,
                Role::Up,
                vec![home, ("XDG_DATA_HOME", "relative")],
                "/home/ada/.local/share/adit",
            ),
            (
                None,
                Role::Up,
                vec![home, ("XDG_DATA_HOME", "")],
                "/home/ada/.local/share/adit",
            ),
            (None, Role::Server, vec![home, xdg], "/var/lib/adit"),
            (Some("/x"), Role::Server, vec![], "/x"),
        ] {
            assert_eq!(locate(configured, role, &pairs), Ok(PathBuf::from(path)));
        }
        assert!(locate(None, Role::Up, &[]).unwrap_err().contains("--data-dir"));
    }

    #[test]
    fn a_new_directory_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir {
            path: parent.path().join("a/b"),
        };
        let _lock = dir.claim().unwrap();
        for path in [dir.path().to_owned(), dir.keys()] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert!(dir.exists());
    }

    #[test]
    fn an_empty_open_directory_is_closed_and_a_used_one_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let dir = DataDir {
            path: parent.path().to_owned(),
        };
        drop(dir.claim().unwrap());
        assert_eq!(
            fs::metadata(parent.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );

        let other = tempfile::tempdir().unwrap();
        fs::set_permissions(other.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(other.path().join("thesis.tex"), "").unwrap();
        let dir = DataDir {
            path: other.path().to_owned(),
        };
        assert!(matches!(dir.claim(), Err(DataDirError::Foreign { .. })));
        assert_eq!(
            fs::metadata(other.path()).unwrap().permissions().mode() & 0o777,
            0o755
        );
    }
}
