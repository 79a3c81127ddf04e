use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::{skip, wait_for};

/// The server's process, as long as it runs.
fn process(server: &Server) -> PathBuf {
    let pid = fs::read_to_string(server.data().join("postmaster.pid")).unwrap();
    PathBuf::from("/proc").join(pid.lines().next().unwrap())
}

#[tokio::test]
async fn a_server_and_its_directory_go_soon_after_their_last_user() {
    let server = match Server::start() {
        Ok(server) => server,
        Err(reason) => return skip("a_server_and_its_directory_go_soon_after_their_last_user", reason),
    };
    let (process, dir) = (process(&server), server.dir.clone());
    assert!(process.exists());
    let other = File::open(dir.join(watcher::USERS)).unwrap();
    assert!(other.try_lock().is_err(), "the server is in use");
    drop(other);
    // As if this process had been killed: nothing of it is cleaned up but its locks.
    server._user.unlock().unwrap();
    wait_for("the watcher to end the server", async || !process.exists()).await;
    wait_for("the watcher to remove the directory", async || !dir.exists()).await;
}

#[tokio::test]
async fn a_server_goes_with_its_watcher() {
    let name = "a_server_goes_with_its_watcher";
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(reason) => return skip(name, reason),
    };
    let dir = programs.new_dir();
    drop(open_lock(&dir.join(watcher::USERS)));
    let mut child = watcher::start(&programs, &dir, u32::MAX);
    let started = PathBuf::from(format!("/proc/{}/task/{0}/children", child.id()));
    // It sleeps once its traps are set.
    wait_for("the watcher to look", async || {
        fs::read_to_string(&started).is_ok_and(|children| !children.is_empty())
    })
    .await;
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    wait_for("the directory to be removed", async || !dir.exists()).await;
    child.wait().unwrap();
}

#[test]
fn whoever_waits_for_a_directory_that_goes_makes_it_again() {
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(reason) => return skip("whoever_waits_for_a_directory_that_goes_makes_it_again", reason),
    };
    let dir = programs.new_dir();
    let leaving = open_lock(&dir.join(watcher::USERS)).unwrap();
    leaving.lock().unwrap();
    std::thread::scope(|scope| {
        let entered = scope.spawn(|| enter(&programs, &dir));
        fs::remove_dir_all(&dir).unwrap();
        leaving.unlock().unwrap();
        drop(entered.join().unwrap());
    });
    assert!(dir.join(watcher::USERS).exists());
    fs::remove_dir_all(&dir).unwrap();
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
