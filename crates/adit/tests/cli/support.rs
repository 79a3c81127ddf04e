//! Runs the binary with an environment of its own.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use adit_testing::{process::Process, wait_for_some};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with nothing of the user's environment but a home of its own.
pub(crate) fn binary(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

/// The binary called as `cloudflared`.
pub(crate) fn as_cloudflared(home: &Path) -> Command {
    let link = home.join("cloudflared");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_adit"), &link).unwrap();
    }
    let mut command = Command::new(link);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) async fn run_in(home: &Path, variables: &[(&str, &str)], args: &[&str]) -> Outcome {
    let mut command = binary(home);
    command
        .envs(variables.iter().copied())
        .args(args)
        .current_dir(home)
        .kill_on_drop(true);
    let output = tokio::time::timeout(COMMAND_LIMIT, command.output())
        .await
        .unwrap_or_else(|_| panic!("adit {args:?} did not end"))
        .unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command to its end in a home that nobody else uses.
pub(crate) async fn run(variables: &[(&str, &str)], args: &[&str]) -> Outcome {
    let home = TempDir::new().unwrap();
    run_in(home.path(), variables, args).await
}

/// A whole Adit on free ports.
pub(crate) struct Adit {
    pub(crate) process: Process,
    pub(crate) home: TempDir,
    pub(crate) run: Value,
}

impl Adit {
    /// Starts it in a new home and waits until it is ready.
    pub(crate) async fn start(extra: &[&str]) -> Self {
        Self::start_in(TempDir::new().unwrap(), &[], extra).await
    }

    /// Starts it in a home that may have been used before.
    pub(crate) async fn start_in(home: TempDir, variables: &[(&str, &str)], extra: &[&str]) -> Self {
        let mut command = binary(home.path());
        command.envs(variables.iter().copied()).arg("up");
        for listener in ["api", "edge", "http", "https", "metrics", "mesh"] {
            command.args([format!("--{listener}-listen"), "127.0.0.1:0".to_owned()]);
        }
        command.args(extra);
        let process = Process::spawn("adit up", command);
        wait_for_some("adit to be ready", async || {
            process.lines().iter().any(|line| line == "ready").then_some(())
        })
        .await;
        let text = std::fs::read(home.path().join(".local/share/adit/run.json")).unwrap();
        Self {
            process,
            run: serde_json::from_slice(&text).unwrap(),
            home,
        }
    }

    /// Its data directory.
    pub(crate) fn dir(&self) -> std::path::PathBuf {
        self.home.path().join(".local/share/adit")
    }

    /// Where it listens for that.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.run["listeners"][name].as_str().unwrap().parse().unwrap()
    }

    /// What `adit env` tells official tools.
    pub(crate) async fn variables(&self) -> Vec<(String, String)> {
        let outcome = run_in(self.home.path(), &[], &["env"]).await;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome
            .stdout
            .lines()
            .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Runs a command of ours with these variables.
    pub(crate) async fn command(&self, args: &[&str]) -> Outcome {
        let variables = self.variables().await;
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        run_in(self.home.path(), &variables, args).await
    }
}
