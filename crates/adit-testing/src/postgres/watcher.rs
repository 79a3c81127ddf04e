//! What ends a server when its last user is gone, even if that was killed.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Stdio},
};

use super::programs::Programs;

/// The file that users of a server hold a shared lock on.
pub(super) const USERS: &str = "users";
/// The server's data.
pub(super) const DATA: &str = "data";

/// Looks each second whether anybody uses the server, and goes once nobody did so for `$3` looks, holding the lock so
/// that nobody comes in meanwhile. However it goes, the server and its directory go with it. A shell runs its trap for
/// EXIT after a signal only if that signal has a trap, too.
const SCRIPT: &str = r#"
trap 'cd /; "$1" stop --silent --wait --mode=immediate --pgdata="$2/data"; rm -rf "$2"' EXIT
trap 'exit 1' HUP INT TERM
idle=0
while [ "$idle" -lt "$3" ] && sleep 1; do
    exec 9<"$2/users"
    if flock --nonblock 9; then idle=$((idle + 1)); else idle=0; fi
    [ "$idle" -ge "$3" ] || exec 9<&-
done
"#;

/// Starts the watcher of a directory in a process group of its own, so that an interrupted test run leaves it alone.
pub(super) fn start(programs: &Programs, dir: &Path, idle: u32) -> Child {
    let mut watcher = programs.as_user(Path::new("/bin/sh"), dir);
    watcher
        .args(["-c", SCRIPT, "adit-postgres-watcher"])
        .arg(programs.path("pg_ctl"))
        .arg(dir)
        .arg(idle.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    // It outlives this process, and ends by itself.
    watcher.spawn().expect("sh can be started")
}
