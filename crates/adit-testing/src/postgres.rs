//! A PostgreSQL of the tests' own, in a temporary directory, reached over a Unix socket only.
//!
//! [`shared`] is one server for all test processes that run at the same time; each test makes a [`Database`] in it.
//! [`Server::start`] is one for a test that stops and starts it. Whoever uses a server holds a lock on a file in its
//! directory; a watcher beside it ends the server, by its process id, soon after nobody holds the lock any more,
//! however its users ended.

mod programs;
mod watcher;

use std::{
    fs::{self, File},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tempfile::TempDir;

use self::programs::Programs;

/// How many seconds a server outlives its last user: one test may come after another.
const SHARED_IDLE: u32 = 5;
const OWN_IDLE: u32 = 1;

/// Safety in a power cut is what these turn off; a killed server still finds everything.
const SETTINGS: &str = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200 \
                        -c shared_buffers=32MB";

/// A running server.
#[derive(Debug)]
pub struct Server {
    dir: PathBuf,
    programs: Programs,
    /// Keeps the watcher from ending it.
    _user: File,
    _own: Option<TempDir>,
}

/// The server that all test processes share, started if need be; otherwise why there is none.
///
/// # Errors
/// The reason, for [`skip`](crate::skip()).
///
/// # Panics
/// When PostgreSQL is here and does not start, showing what it wrote.
pub fn shared() -> Result<&'static Server, &'static str> {
    static SHARED: OnceLock<Result<Server, &'static str>> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            let programs = Programs::find()?;
            let dir = std::env::temp_dir().join(format!("adit-postgres-{}", programs::own_user()));
            programs.make_dir(&dir);
            let owner = fs::metadata(&dir).expect("the directory was made").uid();
            assert_eq!(owner, programs.user(), "{} is somebody else's", dir.display());
            Ok(Server::open(programs, dir, SHARED_IDLE, None))
        })
        .as_ref()
        .map_err(|reason| *reason)
}

impl Server {
    /// Starts a server for this test alone; otherwise says why there is none.
    ///
    /// # Errors
    /// The reason, for [`skip`](crate::skip()).
    ///
    /// # Panics
    /// As [`shared`].
    pub fn start() -> Result<Self, &'static str> {
        let programs = Programs::find()?;
        let own = TempDir::new().expect("a temporary directory can be made");
        let dir = own.path().join("postgres");
        programs.make_dir(&dir);
        programs.let_pass(own.path());
        Ok(Self::open(programs, dir, OWN_IDLE, Some(own)))
    }

    fn open(programs: Programs, dir: PathBuf, idle: u32, own: Option<TempDir>) -> Self {
        let user = open_lock(&dir.join(watcher::USERS));
        user.lock_shared().expect("a lock can be waited for");
        let starting = open_lock(&dir.join("starting"));
        starting.lock().expect("a lock can be waited for");
        let server = Self {
            dir,
            programs,
            _user: user,
            _own: own,
        };
        if UnixStream::connect(server.socket()).is_err() {
            server.set_up();
            watcher::start(&server.programs, &server.dir, idle);
            server.start_again();
        }
        server
    }

    fn set_up(&self) {
        let data = self.data();
        if data.exists() {
            fs::remove_dir_all(&data).expect("what a killed server left can be removed");
        }
        let mut initdb = self.programs.command("initdb", &self.dir);
        // A collation that sorts unlike bytes do: nothing of ours may depend on it.
        initdb
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
            ])
            .args([
                "--locale=C",
                "--locale-provider=icu",
                "--icu-locale=en-US",
                "--pgdata",
            ])
            .arg(&data);
        run(&mut initdb);
    }

    /// Starts it after [`Server::stop`] and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        let log = self.dir.join("log");
        let mut start = self.pg_ctl("start");
        start.arg("--log").arg(&log).arg("--options").arg(format!(
            "{SETTINGS} -c unix_socket_directories={}",
            self.dir.display()
        ));
        run(&mut start);
    }

    /// Stops it at once, as a crash does: every connection to it breaks.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&self) {
        run(self.pg_ctl("stop").arg("--mode=immediate"));
    }

    /// A new empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> Database {
        let (url, name) = self.make_database();
        let mut drop = self.client("dropdb", &name);
        drop.args(["--force", "--if-exists"]);
        Database { url, drop }
    }

    /// The address of a new database that is there as long as the server.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn lasting_database(&self) -> String {
        self.make_database().0
    }

    fn make_database(&self) -> (String, String) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        run(&mut self.client("createdb", &name));
        // What stands for a directory in a URL's host is percent-encoded.
        let host = self.dir.display().to_string().replace('/', "%2F");
        (format!("postgres://postgres@{host}/{name}"), name)
    }

    fn client(&self, program: &str, database: &str) -> Command {
        let mut command = self.programs.command(program, &self.dir);
        command
            .args(["--username=postgres", "--host"])
            .arg(&self.dir)
            .arg(database);
        command
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.programs.command("pg_ctl", &self.dir);
        command
            .args([action, "--silent", "--wait", "--pgdata"])
            .arg(self.data());
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.join(watcher::DATA)
    }

    fn socket(&self) -> PathBuf {
        self.dir.join(".s.PGSQL.5432")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The directory goes with it, so the watcher would find nothing to end.
        if self._own.is_some() {
            drop(self.pg_ctl("stop").arg("--mode=immediate").output());
        }
    }
}

/// A database of one test. Dropping it removes it, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    url: String,
    drop: Command,
}

impl Database {
    /// Its address, `postgres://…`, for a user who may do everything in it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It may be gone with its server already.
        drop(self.drop.output());
    }
}

fn open_lock(path: &Path) -> File {
    let file = File::options().create(true).append(true).open(path);
    let file = file.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    // The watcher, another user perhaps, looks at it.
    let readable = file.set_permissions(fs::Permissions::from_mode(0o644));
    readable.expect("the mode of an own file can be set");
    file
}

fn run(command: &mut Command) {
    let output = command.output().expect("PostgreSQL's programs can be started");
    assert!(
        output.status.success(),
        "{:?} failed: {}{}",
        command.get_program(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{skip, wait_for};

    #[tokio::test]
    async fn a_server_ends_soon_after_its_last_user() {
        let server = match Server::start() {
            Ok(server) => server,
            Err(reason) => return skip("a_server_ends_soon_after_its_last_user", reason),
        };
        let pid = fs::read_to_string(server.data().join("postmaster.pid")).unwrap();
        let process = PathBuf::from("/proc").join(pid.lines().next().unwrap());
        assert!(process.exists());
        // As if this process had been killed: nothing of it is cleaned up but its locks.
        let Server { dir, programs, .. } = &server;
        let kept = (dir.clone(), programs.clone());
        let released = File::open(kept.0.join(watcher::USERS)).unwrap();
        assert!(released.try_lock().is_err(), "the server is in use");
        server._user.unlock().unwrap();
        drop(released);
        wait_for("the watcher to end the server", async || !process.exists()).await;
    }

    #[test]
    fn a_database_is_there_until_it_is_dropped() {
        let server = match shared() {
            Ok(server) => server,
            Err(reason) => return skip("a_database_is_there_until_it_is_dropped", reason),
        };
        let database = server.database();
        let name = database.url().rsplit('/').next().unwrap().to_owned();
        let connects = || {
            let mut psql = server.client("psql", &name);
            psql.args(["--command", "SELECT 1"])
                .output()
                .unwrap()
                .status
                .success()
        };
        assert!(connects());
        drop(database);
        assert!(!connects());
    }
}
