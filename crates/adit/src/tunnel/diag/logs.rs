//! Where a connector's log is, and what of it is taken.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use adit_model::Timestamp;
use anyhow::{Context, bail};
use serde_json::Value;
use tokio::{io::AsyncReadExt, process::Command};

use super::super::render;

/// The newest part of a log is what explains.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How many lines docker and kubectl are asked for, and how far back.
const MAX_LINES: &str = "10000";
const AGE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// What a service's log is named, and its unit.
const SERVICE_LOGS: [&str; 2] = ["/var/log/adit-connector.err", "/var/log/cloudflared.err"];
const UNITS: [&str; 2] = ["adit-connector.service", "cloudflared.service"];

/// Where a log is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A file, or a directory of files.
    Files(PathBuf),
    /// What a program prints.
    Program(Vec<String>),
}

impl Source {
    /// Judges by what was asked for, then by the connector's command line.
    ///
    /// # Errors
    /// If nobody said where the log is.
    pub(super) fn of(
        container: Option<&str>,
        pod: Option<&str>,
        command_line: &Value,
        exists: impl Fn(&Path) -> bool,
    ) -> anyhow::Result<Self> {
        let since = || {
            let then = SystemTime::now()
                .checked_sub(AGE)
                .unwrap_or(SystemTime::UNIX_EPOCH);
            render::to_the_second(&Timestamp::from(then).to_string())
        };
        let program = |words: &[&str]| Self::Program(words.iter().copied().map(str::to_owned).collect());
        if let Some(pod) = pod {
            let since = since();
            let mut words = vec![
                "kubectl",
                "logs",
                pod,
                "--since-time",
                &since,
                "--tail",
                MAX_LINES,
            ];
            words.extend(container.map(|container| ["-c", container]).into_iter().flatten());
            return Ok(program(&words));
        }
        if let Some(container) = container {
            let since = since();
            return Ok(program(&[
                "docker", "logs", "--tail", MAX_LINES, "--since", &since, container,
            ]));
        }
        let said = |name: &str| {
            let value = command_line.get(name).and_then(Value::as_str);
            value.filter(|value| !value.is_empty())
        };
        if let Some(path) = said("logfile").or_else(|| said("log-directory")) {
            return Ok(Self::Files(PathBuf::from(path)));
        }
        if said("uid") == Some("0") {
            let is_installed = |unit: &&&str| exists(&Path::new("/etc/systemd/system").join(unit));
            if let Some(unit) = UNITS.iter().find(is_installed) {
                return Ok(program(&["journalctl", "--since", "2 weeks ago", "-u", unit]));
            }
            if let Some(path) = SERVICE_LOGS.iter().map(Path::new).find(|path| exists(path)) {
                return Ok(Self::Files(path.to_owned()));
            }
        }
        bail!(
            "the connector writes no log file; use --diag-container-id or --diag-pod-id for one in a container, or --no-diag-logs"
        )
    }

    /// The log's newest part.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) async fn read(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Files(path) => {
                newest_part(path).with_context(|| format!("cannot read the log {}", path.display()))
            }
            Self::Program(words) => output_of(words, MAX_BYTES).await,
        }
    }
}

/// Of a directory: its files, oldest first by their names.
fn newest_part(path: &Path) -> io::Result<Vec<u8>> {
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        paths = path
            .read_dir()?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        paths.retain(|path| path.is_file());
        paths.sort();
    }
    let mut log = Vec::new();
    let mut room = MAX_BYTES;
    for path in paths.iter().rev() {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(room)))?;
        let mut part = Vec::new();
        file.take(room).read_to_end(&mut part)?;
        room = room.saturating_sub(u64::try_from(part.len()).unwrap_or(u64::MAX));
        part.append(&mut log);
        log = part;
        if room == 0 {
            break;
        }
    }
    Ok(log)
}

/// What a program prints, stderr behind stdout.
///
/// # Errors
/// If it cannot be run or fails.
pub(super) async fn output_of(words: &[String], limit: u64) -> anyhow::Result<Vec<u8>> {
    let [program, arguments @ ..] = words else {
        bail!("no program was named");
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut printed, mut said) = (Vec::new(), Vec::new());
    let results = async {
        if let Some(stdout) = stdout {
            stdout.take(limit).read_to_end(&mut printed).await?;
        }
        io::Result::Ok(())
    };
    let complaints = async {
        if let Some(stderr) = stderr {
            stderr.take(limit).read_to_end(&mut said).await?;
        }
        io::Result::Ok(())
    };
    tokio::try_join!(results, complaints)?;
    let status = child.wait().await?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        bail!(
            "{program} failed ({status}): {}",
            said.lines().last().unwrap_or_default()
        );
    }
    printed.append(&mut said);
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(container: Option<&str>, pod: Option<&str>, said: &Value, there: &str) -> Option<Source> {
        Source::of(container, pod, said, |path| path == Path::new(there)).ok()
    }

    #[test]
    fn the_log_is_looked_for_where_it_was_said_to_be() {
        let words = |source: Option<Source>| match source {
            Some(Source::Program(words)) => words.join(" "),
            other => panic!("{other:?}"),
        };
        let none = json!({});
        let docker = words(source(Some("c1"), None, &none, ""));
        assert!(docker.starts_with("docker logs --tail 10000 --since 20") && docker.ends_with("Z c1"));
        let pod = words(source(Some("c1"), Some("p1"), &none, ""));
        assert!(pod.starts_with("kubectl logs p1 --since-time 20") && pod.ends_with(" --tail 10000 -c c1"));
        let files = |path: &str| Some(Source::Files(PathBuf::from(path)));
        assert_eq!(
            source(None, None, &json!({"uid": "0", "logfile": "/l"}), ""),
            files("/l")
        );
        assert_eq!(
            source(None, None, &json!({"log-directory": "/d"}), ""),
            files("/d")
        );
        let unit = "/etc/systemd/system/cloudflared.service";
        assert!(words(source(None, None, &json!({"uid": "0"}), unit)).ends_with("-u cloudflared.service"));
        let log = "/var/log/cloudflared.err";
        assert_eq!(source(None, None, &json!({"uid": "0"}), log), files(log));
        for said in [none, json!({"uid": "0"}), json!({"uid": "1000"})] {
            assert_eq!(source(None, None, &said, ""), None);
        }
    }

    #[test]
    fn the_files_of_a_directory_are_one_log() {
        let directory = tempfile::TempDir::new().unwrap();
        for (name, text) in [("b.log", "second\n"), ("a.log", "first\n")] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        assert_eq!(newest_part(directory.path()).unwrap(), b"first\nsecond\n");
    }
}
