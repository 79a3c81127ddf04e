//! Where a node keeps who it is: a directory that only its owner reads, used by one process at a time.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{host::HostRecord, identity::Identity};

const IDENTITY: &str = "identity.json";
const HOST: &str = "host.json";
const DRAINING: &str = "draining";
const LOCK: &str = "node.lock";
const SOCKET: &str = "node.sock";

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Neither a home nor a directory was given.
    #[error("no place for state: neither --state-dir, XDG_STATE_HOME nor HOME is set")]
    Nowhere,
    /// Another process uses it.
    #[error("{path} is in use{who}", path = .path.display(), who = .pid.map(|pid| format!(" by the process with pid {pid}")).unwrap_or_default())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, if it has said so already.
        pid: Option<u32>,
    },
    /// Others than its owner may use it, or its owner is somebody else.
    #[error("{path} holds private keys, but {problem}", path = .path.display())]
    Open {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file is not what this version writes.
    #[error("{path} is damaged", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {verb} {path}", path = .path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    move |cause| StateError::Io {
        verb,
        path: path.to_owned(),
        cause,
    }
}

/// A node's directory, which need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir(PathBuf);

/// The right to use a state directory; ends with the process, however it ends.
#[derive(Debug)]
#[must_use = "the right ends when this is dropped"]
pub struct Claim(#[expect(dead_code, reason = "held for its lock")] File);

impl StateDir {
    /// The directory that was named, or else root's `/var/lib/adit-mesh`, or `$XDG_STATE_HOME/adit-mesh` of anyone else.
    ///
    /// # Errors
    /// [`StateError::Nowhere`]
    pub fn locate(
        named: Option<&Path>,
        is_root: bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, StateError> {
        if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
            return Ok(Self(path.to_owned()));
        }
        if is_root {
            return Ok(Self(PathBuf::from("/var/lib/adit-mesh")));
        }
        let set = |name| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let parent = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
        parent
            .map(|parent| Self(parent.join("adit-mesh")))
            .ok_or(StateError::Nowhere)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the running node answers.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }

    /// Makes the directory if it is not there, and claims it.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn claim(&self) -> Result<Claim, StateError> {
        let path = &self.0;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed("make", path))?;
        let facts = fs::metadata(path).map_err(failed("read", path))?;
        if facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(StateError::Open {
                path: path.clone(),
                problem: "it belongs to another user",
            });
        }
        if facts.permissions().mode() & 0o077 != 0 {
            return Err(StateError::Open {
                path: path.clone(),
                problem: "others may read it; chmod 0700",
            });
        }
        let lock = path.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .map_err(failed("open", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(StateError::InUse {
                    path: path.clone(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &lock)(cause)),
        }
        let pid = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(pid.as_bytes()))
            .map_err(failed("write", &lock))?;
        Ok(Claim(file))
    }

    /// Who the node is; `None` before its first start.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn identity(&self) -> Result<Option<Identity>, StateError> {
        self.read(IDENTITY)
    }

    /// Keeps who the node is.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn keep_identity(&self, identity: &Identity) -> Result<(), StateError> {
        self.write(IDENTITY, identity)
    }

    /// What the last process did to the host, if it had no time to undo it.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn host_record(&self) -> Result<Option<HostRecord>, StateError> {
        self.read(HOST)
    }

    /// Keeps what is about to be done to the host.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn keep_host_record(&self, record: &HostRecord) -> Result<(), StateError> {
        self.write(HOST, record)
    }

    /// Forgets what was done to the host, which is undone.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn forget_host_record(&self) -> Result<(), StateError> {
        self.remove(HOST)
    }

    /// Whether another replica is to carry the site's traffic until somebody says otherwise.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn is_draining(&self) -> Result<bool, StateError> {
        let path = self.0.join(DRAINING);
        path.try_exists().map_err(failed("read", &path))
    }

    /// Keeps whether it is.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn keep_draining(&self, is_draining: bool) -> Result<(), StateError> {
        if is_draining {
            self.write(DRAINING, &true)
        } else {
            self.remove(DRAINING)
        }
    }

    fn remove(&self, name: &str) -> Result<(), StateError> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(text) => {
                let text = zeroize::Zeroizing::new(text);
                serde_json::from_slice(&text)
                    .map(Some)
                    .map_err(|_| StateError::Damaged { path })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Writes a file beside its place, makes it durable and moves it there: it is whole even after a power cut.
    fn write(&self, name: &str, content: &impl Serialize) -> Result<(), StateError> {
        let path = self.0.join(name);
        let new = self.0.join(format!("{name}.new"));
        let text =
            serde_json::to_vec_pretty(content).map_err(|error| failed("write", &path)(error.into()))?;
        let text = zeroize::Zeroizing::new(text);
        // One process at a time has the directory, so an old file of this name is a killed one's.
        let _ = fs::remove_file(&new);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &path))
            .and_then(|()| File::open(&self.0)?.sync_all());
        written.map_err(failed("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::identity::tests;

    fn fresh() -> (tempfile::TempDir, StateDir) {
        let parent = tempfile::tempdir().unwrap();
        let dir = StateDir(parent.path().join("state"));
        (parent, dir)
    }

    #[test]
    fn one_process_at_a_time_has_the_directory_and_its_pid_is_told() {
        let (_parent, dir) = fresh();
        let first = dir.claim().unwrap();
        let error = dir.claim().unwrap_err().to_string();
        assert!(error.ends_with(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        let _second = dir.claim().unwrap();
    }

    #[test]
    fn who_the_node_is_survives_and_only_its_owner_reads_it() {
        let (_parent, dir) = fresh();
        let _claim = dir.claim().unwrap();
        assert!(dir.identity().unwrap().is_none());
        let identity = Identity::generate(tests::tunnel(), tests::at(1)).unwrap();
        dir.keep_identity(&identity).unwrap();
        assert_eq!(dir.identity().unwrap(), Some(identity));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(dir.path()), 0o700);
        assert_eq!(mode(&dir.path().join(IDENTITY)), 0o600);
    }

    #[test]
    fn whether_another_replica_is_to_carry_the_traffic_survives() {
        let (_parent, dir) = fresh();
        let _claim = dir.claim().unwrap();
        for is_draining in [false, true, true, false, false] {
            dir.keep_draining(is_draining).unwrap();
            assert_eq!(dir.is_draining().unwrap(), is_draining);
        }
    }

    #[test]
    fn a_directory_that_others_read_is_refused() {
        let (parent, _) = fresh();
        let path = parent.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(StateDir(path).claim(), Err(StateError::Open { .. })));
    }

    #[test]
    fn a_damaged_identity_is_told_and_not_replaced() {
        let (_parent, dir) = fresh();
        let _claim = dir.claim().unwrap();
        fs::write(dir.path().join(IDENTITY), b"{").unwrap();
        assert!(matches!(dir.identity(), Err(StateError::Damaged { .. })));
    }

    #[test]
    fn the_directory_is_the_named_one_or_that_of_who_runs_it() {
        let variables = |name: &str| (name == "HOME").then(|| OsString::from("/home/ada"));
        let locate =
            |named: Option<&str>, root| StateDir::locate(named.map(Path::new), root, variables).unwrap().0;
        assert_eq!(locate(Some("/x"), true), Path::new("/x"));
        assert_eq!(locate(None, true), Path::new("/var/lib/adit-mesh"));
        assert_eq!(locate(None, false), Path::new("/home/ada/.local/state/adit-mesh"));
        assert!(StateDir::locate(None, false, |_| None).is_err());
    }
}
