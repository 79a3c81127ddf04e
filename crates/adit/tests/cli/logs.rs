//! What a connector logs, in which shape and where to; and which of flag, variable and file counts.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Outcome, run_in};

/// Ends for want of a tunnel, after a line on the log level that nobody knows.
async fn run_with(home: &Path, variables: &[(&str, &str)], flags: &[&str]) -> Outcome {
    let mut words = vec!["tunnel", "--edge", "127.0.0.1:1"];
    words.extend(flags);
    words.push("run");
    let outcome = run_in(home, variables, &words).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    outcome
}

#[tokio::test]
async fn a_flag_counts_before_a_variable_and_that_before_the_file() {
    let home = TempDir::new().unwrap();
    let usual = home.path().join(".cloudflared");
    std::fs::create_dir(&usual).unwrap();
    std::fs::write(usual.join("config.yml"), "loglevel: of-the-file\nretries: 3\n").unwrap();
    let variable = [("TUNNEL_LOGLEVEL", "of-the-variable")];
    for (variables, flags, counts) in [
        (&variable[..], &["--loglevel", "of-the-flag"][..], "of-the-flag"),
        (&variable, &[], "of-the-variable"),
        (&[], &[], "of-the-file"),
    ] {
        let outcome = run_with(home.path(), variables, flags).await;
        let line = format!(" ERR Failed to parse log level \"{counts}\"");
        assert!(outcome.stderr.contains(&line), "{outcome:?}");
    }
}

#[tokio::test]
async fn lines_are_those_of_the_stock_client() {
    let home = TempDir::new().unwrap();
    let text = run_with(home.path(), &[], &["--loglevel", "loud"]).await.stderr;
    let (time, rest) = text.split_once(' ').unwrap();
    assert_eq!((time.len(), time.as_bytes()[10]), (20, b'T'), "{time}");
    assert!(rest.starts_with("ERR Failed"), "{rest}");

    for (variables, flags) in [
        (vec![], vec!["--loglevel", "loud", "--output", "json"]),
        (vec![("TUNNEL_LOG_OUTPUT", "json")], vec!["--loglevel", "loud"]),
        (
            vec![("TUNNEL_MANAGEMENT_OUTPUT", "json")],
            vec!["--loglevel", "loud"],
        ),
    ] {
        let text = run_with(home.path(), &variables, &flags).await.stderr;
        let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["level"], "error");
        assert!(line["message"].as_str().unwrap().contains("\"loud\""), "{line}");
        assert_eq!(line["time"].as_str().map(str::len), Some(20));
    }
}

#[tokio::test]
async fn lines_go_to_a_file_as_json_too() {
    let home = TempDir::new().unwrap();
    let read = |path: &str| std::fs::read_to_string(home.path().join(path)).unwrap();
    for (flags, path) in [
        (["--logfile", "logs/one.log"], "logs/one.log"),
        (["--log-directory", "kept"], "kept/adit.log"),
        (["--logfile=~/two.log", "--proto-loglevel=debug"], "two.log"),
    ] {
        let flags = [&flags[..], &["--loglevel", "loud"]].concat();
        let outcome = run_with(home.path(), &[], &flags).await;
        assert!(outcome.stderr.contains(" ERR Failed"), "{outcome:?}");
        let line: Value = serde_json::from_str(read(path).lines().next().unwrap()).unwrap();
        assert_eq!(line["level"], "error", "{path}");
    }
}

#[tokio::test]
async fn a_log_file_that_cannot_be_written_is_told_and_no_obstacle() {
    let home = TempDir::new().unwrap();
    let outcome = run_with(home.path(), &[], &["--logfile", "/proc/nowhere/log"]).await;
    assert!(
        outcome.stderr.contains("the log file cannot be written"),
        "{outcome:?}"
    );
}
