//! Child processes: their output by line, their end, what they use.

mod clean;
mod usage;

use std::{
    collections::VecDeque,
    fs::File,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

pub use clean::clean;
pub use usage::Usage;

use crate::wait::{wait_for, wait_for_some, wait_within};

/// How many of its last lines a process keeps.
const KEPT_LINES: usize = 10_000;
/// How many of its last lines a failure shows.
const SHOWN_LINES: usize = 40;
/// How long a process may take to end after it was asked to.
const END_LIMIT: Duration = Duration::from_secs(40);
/// How long its last output may take to be read: a child of its own may hold the pipes open for ever.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(2);

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    id: u32,
    child: Child,
    lines: Arc<Mutex<VecDeque<String>>>,
    readers: JoinSet<()>,
}

impl Process {
    /// Starts the command with no input; what it writes to stdout and stderr is kept by line.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(name: &str, mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn_as_told(name, command)
    }

    /// Starts the command with no input; what it writes to stdout and stderr goes into a new file, and no line is kept.
    ///
    /// # Panics
    /// When it cannot be started, or the file cannot be made.
    #[must_use]
    pub fn spawn_logging(name: &str, mut command: Command, file: &Path) -> Self {
        let file = File::create(file).expect("a file for its output");
        let twin = file.try_clone().expect("two descriptors of one file");
        command.stdout(file).stderr(twin);
        Self::spawn_as_told(name, command)
    }

    fn spawn_as_told(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "cannot start {name} ({:?}): {error}",
                command.as_std().get_program()
            ),
        };
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let mut readers = JoinSet::new();
        readers.spawn(read_lines(child.stdout.take(), Arc::clone(&lines)));
        readers.spawn(read_lines(child.stderr.take(), Arc::clone(&lines)));
        let id = child.id().expect("a child that was not waited for has an id");
        Self {
            name: name.to_owned(),
            id,
            child,
            lines,
            readers,
        }
    }

    /// Its process id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The last lines it wrote, at most 10 000, stdout and stderr mixed as they came.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().iter().cloned().collect()
    }

    /// Waits until it has written a line that contains `part`, and returns the first such line.
    ///
    /// # Panics
    /// After 10 s, showing what it wrote instead.
    pub async fn line(&self, part: &str) -> String {
        let what = format!("a line of {} with {part:?}", self.name);
        wait_for_some(&what, async || {
            self.lines.lock().iter().find(|line| line.contains(part)).cloned()
        })
        .await
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id)
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id is positive");
        kill_process(id, signal)
            .unwrap_or_else(|error| panic!("cannot send {signal:?} to {}: {error}", self.name));
    }

    /// Holds it still (SIGSTOP) and waits until none of its threads runs; `Signal::CONT` lets it go on.
    ///
    /// # Panics
    /// When it has ended already, or still runs after 10 s.
    pub async fn hold(&self) {
        self.signal(Signal::STOP);
        let what = format!("{} to stand still", self.name);
        wait_for(&what, async || usage::is_held(self.id)).await;
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it has not ended after 40 s.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Ends it at once (SIGKILL), leaving it no time to tidy up.
    ///
    /// # Panics
    /// When the system does not end it.
    pub async fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.ended().await
    }

    /// Waits for its end; its last lines are there then.
    ///
    /// # Panics
    /// When it has not ended after 40 s.
    pub async fn ended(&mut self) -> ExitStatus {
        let Ok(status) = timeout(END_LIMIT, self.child.wait()).await else {
            panic!("{} did not end within {END_LIMIT:?}", self.name);
        };
        let read = async { while self.readers.join_next().await.is_some() {} };
        drop(timeout(LAST_LINES_LIMIT, read).await);
        status.expect("a child can be waited for")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it uses now.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match Usage::of(self.id) {
            Some(usage) => usage,
            None => panic!("{} has ended: it uses nothing", self.name),
        }
    }

    /// Waits until it holds fewer than so many anonymous bytes in memory: allocators give back late.
    ///
    /// # Panics
    /// After 10 s.
    pub async fn holds_less_than(&self, bytes: u64) {
        let what = format!("{} to hold less than {bytes} bytes", self.name);
        wait_within(Duration::from_secs(10), &what, async || {
            self.usage().rss_anon_bytes < bytes
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.lines.lock();
            eprintln!("--- the last lines of {} ---", self.name);
            lines
                .iter()
                .skip(lines.len().saturating_sub(SHOWN_LINES))
                .for_each(|line| eprintln!("{line}"));
        }
    }
}

async fn read_lines(pipe: Option<impl AsyncRead + Unpin>, lines: Arc<Mutex<VecDeque<String>>>) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let mut lines = lines.lock();
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::spawn("sh", command)
    }

    #[tokio::test]
    async fn lines_come_from_both_outputs() {
        let mut process = shell("echo one; echo two >&2; echo no newline | tr -d '\\n'");
        assert_eq!(process.line("two").await, "two");
        assert_eq!(process.line("no new").await, "no newline");
        assert!(process.ended().await.success());
    }

    #[tokio::test]
    async fn a_process_is_asked_to_end_and_may_tidy_up() {
        let mut process = shell("trap 'echo tidy; exit 7' TERM; echo ready; while :; do sleep 0.01; done");
        process.line("ready").await;
        assert_eq!(process.terminate().await.code(), Some(7));
        process.line("tidy").await;
        assert!(!process.is_running());
    }

    #[tokio::test]
    async fn the_last_lines_are_there_at_its_end() {
        let mut process = shell("seq 20000; echo last >&2");
        assert!(process.ended().await.success());
        let lines = process.lines();
        assert!(lines.contains(&"20000".to_owned()) && lines.contains(&"last".to_owned()));
    }

    #[tokio::test]
    async fn a_killed_process_has_no_exit_code() {
        let mut process = shell("echo ready; exec sleep 100");
        process.line("ready").await;
        assert!(process.is_running());
        assert!(process.usage().rss_anon_bytes > 0);
        assert_eq!(process.kill().await.code(), None);
    }
}
