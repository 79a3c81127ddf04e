//! A PostgreSQL of the tests' own, in a temporary directory, reached over a Unix socket only.
//!
//! [`shared`] is one server for all test processes that run at the same time; each test makes a [`Database`] in it.
//! [`Server::start`] is one for a test that stops and starts it. Whoever uses a server holds a lock on a file in its
//! directory; a watcher beside it ends the server, by its process id, and removes the directory soon after nobody holds
//! the lock any more, however its users ended.

mod programs;
mod watcher;

use std::{
    fs::{self, File},
    io,
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
    time::{Duration, Instant},
};

use self::programs::Programs;

/// How many seconds a server outlives its last user: one test may come after another.
const SHARED_IDLE: u32 = 5;
const OWN_IDLE: u32 = 1;
/// How long the maker of a directory may take to give it away.
const OWNER_LIMIT: Duration = Duration::from_secs(5);

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
    /// Of one test: it ends with its [`Server`].
    own: bool,
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
            Ok(Server::open(programs, dir, false))
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
        let dir = programs.new_dir();
        Ok(Self::open(programs, dir, true))
    }

    fn open(programs: Programs, dir: PathBuf, own: bool) -> Self {
        let user = enter(&programs, &dir);
        let starting = open_lock(&dir.join("starting")).expect("nobody removes a directory in use");
        starting.lock().expect("a lock can be waited for");
        let server = Self {
            dir,
            programs,
            _user: user,
            own,
        };
        if UnixStream::connect(server.socket()).is_err() {
            // First, so that what comes is cleaned up even if this process ends within it.
            let idle = if own { OWN_IDLE } else { SHARED_IDLE };
            drop(watcher::start(&server.programs, &server.dir, idle));
            server.set_up();
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
        if self.own {
            drop(self.pg_ctl("stop").arg("--mode=immediate").output());
            // The watcher does it otherwise, and ends by itself where there is no directory.
            drop(fs::remove_dir_all(&self.dir));
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

/// Makes the directory if it is missing, and becomes one of its users: it is there as long as the lock is held.
fn enter(programs: &Programs, dir: &Path) -> File {
    let begun = Instant::now();
    loop {
        programs
            .make_dir(dir)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", dir.display()));
        // Its maker gives it to the server's user a moment later, and the watcher may remove it again.
        let owner = fs::symlink_metadata(dir).map(|metadata| metadata.uid());
        if !owner.is_ok_and(|owner| owner == programs.user()) {
            assert!(
                begun.elapsed() < OWNER_LIMIT,
                "{} is somebody else's",
                dir.display()
            );
            std::thread::yield_now();
            continue;
        }
        let users = dir.join(watcher::USERS);
        // The watcher may remove all of it before the lock is there.
        let Some(user) = open_lock(&users) else { continue };
        user.lock_shared().expect("a lock can be waited for");
        let locked = user.metadata().expect("an open file has metadata");
        if fs::metadata(&users).is_ok_and(|there| there.ino() == locked.ino()) {
            return user;
        }
    }
}

/// `None` if there is no such directory.
fn open_lock(path: &Path) -> Option<File> {
    let file = match File::options().create(true).append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        file => file.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display())),
    };
    // The watcher, another user perhaps, looks at it.
    let readable = file.set_permissions(fs::Permissions::from_mode(0o644));
    readable.expect("the mode of an own file can be set");
    Some(file)
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
mod tests;
