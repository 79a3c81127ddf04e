//! Commands of the node's user that run when it begins or ceases to carry its site's traffic.
//!
//! They never hold up the change itself. One runs at a time; while it does, of the changes after it only the newest is
//! remembered, so that the last command that ran is that of the present role.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::IpAddr,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use adit_wire::mesh::Role;
use ipnet::IpNet;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
    sync::watch,
    task::JoinSet,
    time::timeout,
};

/// How long a command may take.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How long the last command may go on when the node stops.
pub(super) const AT_THE_END: Duration = Duration::from_secs(5);
/// The most bytes of a command's last words that are told.
const WORDS: usize = 256;
/// Variables that hold secrets, which are none of the commands' business.
pub(super) const SECRETS: [&str; 4] = [
    "MESH_NODE_TOKEN",
    "TUNNEL_TOKEN",
    "TUNNEL_TOKEN_FILE",
    "CREDENTIALS_DIRECTORY",
];

/// What runs when the role changes; each is given to `/bin/sh -c`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookCommands {
    /// When the node begins to carry its site's traffic.
    pub on_active: Option<String>,
    /// When it ceases to, and at its start, when it does not.
    pub on_passive: Option<String>,
}

impl HookCommands {
    fn of(&self, role: Role) -> Option<&str> {
        match role {
            Role::Active => self.on_active.as_deref(),
            Role::Passive => self.on_passive.as_deref(),
        }
    }
}

/// A change that a command is told of, in its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) epoch: u64,
    pub(super) role: Role,
    pub(super) vips: Vec<IpAddr>,
    pub(super) prefixes: Vec<IpNet>,
    pub(super) remote: Vec<IpNet>,
    pub(super) fnr_id: Option<String>,
    pub(super) interface: String,
    pub(super) tunnel: String,
    pub(super) connector: String,
}

impl Change {
    fn environment(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("ADIT_EPOCH", self.epoch.to_string()),
            ("ADIT_ROLE", self.role.as_str().to_owned()),
            ("ADIT_VIPS", joined(&self.vips)),
            ("ADIT_PREFIXES", joined(&self.prefixes)),
            ("ADIT_REMOTE_PREFIXES", joined(&self.remote)),
            ("ADIT_FNR_ID", self.fnr_id.clone().unwrap_or_default()),
            ("ADIT_INTERFACE", self.interface.clone()),
            ("ADIT_TUNNEL_ID", self.tunnel.clone()),
            ("ADIT_CONNECTOR_ID", self.connector.clone()),
        ])
    }
}

fn joined<T: fmt::Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The command that ran last, or runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatus {
    /// For which role.
    pub role: Role,
    /// For which change.
    pub epoch: u64,
    /// How it fares.
    pub state: HookState,
}

/// How a command fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// It runs.
    Running,
    /// It ended well.
    Done,
    /// It did not, and why.
    Failed(String),
}

impl HookStatus {
    /// What went wrong, for people.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match &self.state {
            HookState::Failed(why) => Some(format!("the on-{} command {why}", self.role.as_str())),
            HookState::Running | HookState::Done => None,
        }
    }
}

/// Runs the commands. Dropping it ends the one that runs.
#[derive(Debug)]
pub(super) struct Hooks {
    changes: watch::Sender<Option<Change>>,
    status: watch::Receiver<Option<HookStatus>>,
    task: JoinSet<()>,
}

impl Hooks {
    /// Must be called inside a tokio runtime.
    pub(super) fn start(commands: HookCommands, limit: Duration) -> Self {
        let (changes, changed) = watch::channel(None);
        let (told, status) = watch::channel(None);
        let mut task = JoinSet::new();
        task.spawn(run(commands, limit, changed, told));
        Self {
            changes,
            status,
            task,
        }
    }

    /// The role changed. Never waits.
    pub(super) fn tell(&self, change: Change) {
        self.changes.send_replace(Some(change));
    }

    /// How the last command fares, now and from now on.
    pub(super) fn status(&self) -> watch::Receiver<Option<HookStatus>> {
        self.status.clone()
    }

    /// Lets what was told last run to its end, but for no longer than that.
    pub(super) async fn stop(self, at_most: Duration) {
        let Self {
            changes, mut task, ..
        } = self;
        drop(changes);
        let _ = timeout(at_most, task.join_next()).await;
    }
}

async fn run(
    commands: HookCommands,
    limit: Duration,
    mut changes: watch::Receiver<Option<Change>>,
    status: watch::Sender<Option<HookStatus>>,
) {
    while changes.changed().await.is_ok() {
        let Some(change) = changes.borrow_and_update().clone() else {
            continue;
        };
        let Some(command) = commands.of(change.role) else {
            continue;
        };
        let tell = |state| {
            status.send_replace(Some(HookStatus {
                role: change.role,
                epoch: change.epoch,
                state,
            }));
        };
        tell(HookState::Running);
        let role = change.role.as_str();
        match one(command, &change, limit).await {
            Ok(()) => {
                tracing::info!(role, epoch = change.epoch, "the command for the role is done");
                tell(HookState::Done);
            }
            Err(why) => {
                tracing::warn!(role, epoch = change.epoch, why, "the command for the role failed");
                tell(HookState::Failed(why));
            }
        }
    }
}

/// Runs one command to its end, or ends it.
async fn one(command: &str, change: &Change, limit: Duration) -> Result<(), String> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .envs(change.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for secret in SECRETS {
        shell.env_remove(secret);
    }
    let mut child = shell
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let mut group = Group(child.id());
    let words = Arc::new(Mutex::new(String::new()));
    let mut reader = JoinSet::new();
    if let Some(stderr) = child.stderr.take() {
        reader.spawn(last_line(BufReader::new(stderr), Arc::clone(&words)));
    }
    let ended: io::Result<ExitStatus> = match timeout(limit, child.wait()).await {
        Ok(ended) => ended,
        Err(_) => {
            drop(group);
            drop(timeout(Duration::from_secs(1), child.wait()).await);
            return Err(format!("took longer than {} s and was ended", limit.as_secs()));
        }
    };
    // What it started in the background goes on without being listened to.
    group.0 = None;
    drop(timeout(Duration::from_millis(100), reader.join_next()).await);
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let words = words.lock().clone();
            let words = if words.is_empty() {
                words
            } else {
                format!(": {words}")
            };
            Err(format!("ended with {status}{words}"))
        }
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

/// The command and what it started. Dropping it ends them.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Remembers the last line, which in most programs says what went wrong.
async fn last_line(mut text: BufReader<impl tokio::io::AsyncRead + Unpin>, last: Arc<Mutex<String>>) {
    loop {
        let mut line = Vec::new();
        let read = (&mut text).take(WORDS as u64).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut last.lock());
        }
    }
}

#[cfg(test)]
mod tests;
