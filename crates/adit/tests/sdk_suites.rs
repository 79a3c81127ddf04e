//! The test suites of the official Python SDK against `adit server --conformance`.
//!
//! The SDK comes from PyPI at the time of the test; nothing of it is kept here. A long one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use adit_testing::{long_only, process::Process, skip};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

const NAME: &str = "the_official_python_suites_pass";
const SDK: &str = "cloudflare==5.9.0";
const PLUGIN: &str = include_str!("sdk_suites/adit_worlds.py");

/// What runs, below `tests/api_resources`.
const SUITES: &[&str] = &[
    "zero_trust/test_tunnels.py",
    "zero_trust/tunnels",
    "zero_trust/networks",
    "zero_trust/test_connectivity_settings.py",
    "test_accounts.py",
    "test_zones.py",
    "dns/test_records.py",
    "iam/test_permission_groups.py",
    "accounts/test_tokens.py",
    "accounts/tokens",
    "user/test_tokens.py",
    "user/tokens",
];

/// What fails on a server that checks what it is told, and why. Each is the start of a file's path and a part of the
/// test's name.
const EXPECTED: &[(&str, &str, &str)] = &[
    (
        "zero_trust/tunnels/cloudflared/test_configurations.py",
        "_update_with_all_params",
        "its proxyType is a placeholder, which cloudflared refuses in a configuration",
    ),
    ("test_accounts.py", "_delete", "its account id is no id"),
    ("test_zones.py", "_create", "names no account"),
    (
        "test_zones.py",
        "_list_with_all_params",
        "its account id is no id",
    ),
    (
        "dns/test_records.py",
        "_export",
        "zone files are not served: Adit is no DNS host",
    ),
    (
        "dns/test_records.py",
        "_scan",
        "scans are not served: Adit is no DNS host",
    ),
    (
        "iam/test_permission_groups.py",
        "_get",
        "asks for a group of the vendor's, and groups have ids of Adit's own",
    ),
    (
        "accounts/test_tokens.py",
        "_create",
        "names groups of the vendor's, and groups have ids of Adit's own",
    ),
    (
        "accounts/test_tokens.py",
        "_update",
        "names groups of the vendor's, and groups have ids of Adit's own",
    ),
    (
        "accounts/test_tokens.py",
        "_verify",
        "comes with a key and no token",
    ),
    (
        "user/test_tokens.py",
        "_create",
        "names groups of the vendor's, and groups have ids of Adit's own",
    ),
    (
        "user/test_tokens.py",
        "_update",
        "names groups of the vendor's, and groups have ids of Adit's own",
    ),
    ("user/test_tokens.py", "_verify", "comes with a key and no token"),
];

const INSTALL_LIMIT: Duration = Duration::from_secs(5 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(40 * 60);

#[tokio::test]
async fn the_official_python_suites_pass() {
    if !long_only(NAME) {
        return;
    }
    let dir = TempDir::new().unwrap();
    let Some(python) = install(dir.path()).await else {
        return skip(NAME, "python3 could not install the SDK from PyPI");
    };
    let data = dir.path().join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command
        .args([
            "server",
            "--conformance",
            "--api-listen",
            "127.0.0.1:0",
            "--log-level",
            "warn",
        ])
        .arg("--data-dir")
        .arg(&data);
    let server = Process::spawn("adit server --conformance", command);
    let line = server.line("/client/v4").await;
    let api = line.split_whitespace().last().unwrap().to_owned();
    let results = run(dir.path(), &python, &api).await;
    tell(&results);
    let broken: Vec<&str> = results
        .iter()
        .filter(|(_, outcome)| *outcome == "failed")
        .map(|(test, _)| test.as_str())
        .filter(|test| expected(test).is_none())
        .collect();
    assert!(results.len() > 1500, "only {} tests ran", results.len());
    assert!(
        broken.is_empty(),
        "{} tests failed:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

/// An interpreter with the SDK, and its sources unpacked beside it.
async fn install(dir: &Path) -> Option<PathBuf> {
    let python = dir.join("venv/bin/python");
    let with_aiohttp = SDK.replace("==", "[aiohttp]==");
    let steps: [(&Path, Vec<&str>); 4] = [
        (Path::new("python3"), vec!["-m", "venv", "venv"]),
        (
            &python,
            vec![
                "-m",
                "pip",
                "install",
                "--quiet",
                &with_aiohttp,
                "pytest",
                "pytest-asyncio",
                "respx",
                "time-machine",
            ],
        ),
        (
            &python,
            vec![
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                SDK,
            ],
        ),
        (
            &python,
            vec!["-m", "tarfile", "--extract", "cloudflare-5.9.0.tar.gz", "."],
        ),
    ];
    for (program, args) in steps {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let status = timeout(INSTALL_LIMIT, command.status()).await.ok()?.ok()?;
        if !status.success() {
            return None;
        }
    }
    std::fs::write(dir.join("adit_worlds.py"), PLUGIN).unwrap();
    Some(python)
}

/// How each test ended, by name; one that ran in several ways counts once for each.
async fn run(dir: &Path, python: &Path, api: &str) -> Vec<(String, String)> {
    let results = dir.join("results.tsv");
    let reset = format!("{}/conformance/reset", api.trim_end_matches("/client/v4"));
    let mut command = Command::new(python);
    command
        .args([
            "-m",
            "pytest",
            "-o",
            "addopts=",
            "-p",
            "adit_worlds",
            "--quiet",
            "--tb=no",
        ])
        .args(SUITES.iter().map(|suite| format!("tests/api_resources/{suite}")))
        .current_dir(dir.join("cloudflare-5.9.0"))
        .env("PYTHONPATH", dir)
        .env("TEST_API_BASE_URL", api)
        .env("ADIT_RESET", reset)
        .env("ADIT_RESULTS", &results)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    // It fails when any test does; which may is decided here.
    let _ = timeout(RUN_LIMIT, command.status()).await.unwrap().unwrap();
    let text = std::fs::read_to_string(results).unwrap();
    text.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(outcome, test)| (test.to_owned(), outcome.to_owned()))
        .collect()
}

/// Why a test is expected to fail, if it is.
fn expected(test: &str) -> Option<&'static str> {
    let (file, name) = test.split_once("::")?;
    EXPECTED
        .iter()
        .find(|(path, part, _)| file.starts_with(path) && name.contains(part))
        .map(|(_, _, reason)| *reason)
}

#[expect(clippy::print_stdout, reason = "the table is what a long run is for")]
fn tell(results: &[(String, String)]) {
    let mut files: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (test, outcome) in results {
        let file = test.split_once("::").map_or(test.as_str(), |(file, _)| file);
        let kind = match (outcome.as_str(), expected(test)) {
            ("passed", _) => "passed",
            ("skipped", _) => "switched off by the SDK",
            (_, Some(reason)) => reason,
            (_, None) => "FAILED",
        };
        *files.entry(file).or_default().entry(kind).or_default() += 1;
    }
    for (file, kinds) in files {
        let kinds: Vec<String> = kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        println!("{file}: {}", kinds.join("; "));
    }
}
