//! The test suites of the official Python SDK against `adit server --conformance`.
//!
//! The SDK comes from PyPI at the time of the test, in a fixed version; nothing of it is kept here. A long one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod left_out;
mod outcomes;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use adit_testing::{
    long_only,
    process::{Process, clean},
    skip,
};
use outcomes::Outcomes;
use tempfile::TempDir;
use tokio::time::timeout;

const NAME: &str = "the_official_python_suites_pass";
const SDK: &str = "cloudflare==5.9.0";
const SOURCES: &str = "cloudflare-5.9.0";
const REQUIREMENTS: &str = include_str!("requirements.txt");
const PLUGIN: &str = include_str!("adit_worlds.py");

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

/// For everything, installing included.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How much of pytest's last words a failure shows.
const SHOWN_LINES: usize = 40;

/// Files that break a run, as the test must notice: one without tests, one that is no Python, and one that ends pytest.
const BREAKING: [(&str, &str); 3] = [
    ("test_unreadable.py", "def test(:\n"),
    ("test_empty.py", "nothing = 1\n"),
    (
        "test_crash.py",
        "import os\ndef test(): os._exit(0)\ndef test_after(): pass\n",
    ),
];

#[tokio::test]
async fn the_official_python_suites_pass() {
    if !long_only(NAME) {
        return;
    }
    let suites = async {
        let dir = TempDir::new().unwrap();
        let python = match install(dir.path()).await {
            Ok(python) => python,
            Err(Missing(what)) => return skip(NAME, what),
        };
        let sdk = Sdk::new(dir, python).await;
        sdk.notices_what_breaks_a_run().await;
        let (outcomes, problems, said) = sdk.run(SUITES).await;
        tell(&outcomes);
        assert!(problems.is_empty(), "{}\n{said}", problems.join("\n"));
    };
    let ended = timeout(LIMIT, suites).await;
    assert!(ended.is_ok(), "the suites took more than {LIMIT:?}");
}

/// What this machine lacks.
struct Missing(&'static str);

/// An interpreter with the SDK, and its sources unpacked beside it.
async fn install(dir: &Path) -> Result<PathBuf, Missing> {
    fs::write(dir.join("requirements.txt"), REQUIREMENTS).unwrap();
    fs::write(dir.join("adit_worlds.py"), PLUGIN).unwrap();
    let python = dir.join("venv/bin/python");
    let here = call(Path::new("python3"), dir, &["-m", "venv", "venv"]).await;
    here.map_err(|_| Missing("no python3 with venv (Debian package python3-venv)"))?;
    let pip = ["-m", "pip", "--disable-pip-version-check", "--quiet"];
    let requirements = ["install", "--requirement", "requirements.txt"];
    let sources = ["download", "--no-deps", "--no-binary", "cloudflare", SDK];
    for args in [&requirements[..], &sources[..]] {
        if let Err(said) = call(&python, dir, &[&pip[..], args].concat()).await {
            let offline = said.contains("after connection broken by");
            assert!(offline, "pip {args:?} failed:\n{said}");
            return Err(Missing("PyPI cannot be reached"));
        }
    }
    let archive = format!("{SOURCES}.tar.gz");
    let unpacked = call(&python, dir, &["-m", "tarfile", "--extract", &archive, "."]).await;
    unpacked.unwrap();
    Ok(python)
}

/// Runs a program to its end; what it said, if it failed or could not be started.
async fn call(program: &Path, dir: &Path, args: &[&str]) -> Result<(), String> {
    let mut command = clean(program);
    command
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.map_err(|error| error.to_string())?;
    let said = || String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    output.status.success().then_some(()).ok_or_else(said)
}

/// The SDK, and a server for it.
struct Sdk {
    dir: TempDir,
    python: PathBuf,
    api: String,
    _server: Process,
}

impl Sdk {
    async fn new(dir: TempDir, python: PathBuf) -> Self {
        let mut command = clean(env!("CARGO_BIN_EXE_adit"));
        command
            .args(["server", "--conformance", "--api-listen", "127.0.0.1:0"])
            .args(["--log-level", "warn", "--data-dir"])
            .arg(dir.path().join("data"));
        let server = Process::spawn("adit server --conformance", command);
        let line = server.line("/client/v4").await;
        let api = line.split_whitespace().last().unwrap().to_owned();
        Self {
            dir,
            python,
            api,
            _server: server,
        }
    }

    /// Runs files or directories below `tests/api_resources`: how the tests ended, what is wrong, and pytest's last words.
    async fn run(&self, suites: &[&str]) -> (Outcomes, Vec<String>, String) {
        let (results, log) = (
            self.dir.path().join("results.tsv"),
            self.dir.path().join("pytest.log"),
        );
        fs::write(&results, "").unwrap();
        let output = File::create(&log).unwrap();
        let mut command = clean(&self.python);
        command
            .args(["-m", "pytest", "-o", "addopts=", "-p", "adit_worlds"])
            .args(["--quiet", "--tb=line"])
            .args(suites.iter().map(|suite| format!("tests/api_resources/{suite}")))
            .current_dir(self.dir.path().join(SOURCES))
            .env("PYTHONPATH", self.dir.path())
            .env("TEST_API_BASE_URL", &self.api)
            .env(
                "ADIT_RESET",
                format!("{}/conformance/reset", self.api.trim_end_matches("/client/v4")),
            )
            .env("ADIT_RESULTS", &results)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true);
        let status = command.status().await.unwrap();
        let outcomes = Outcomes::parse(&fs::read_to_string(results).unwrap());
        let problems = outcomes.problems(status.code());
        let said = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(SHOWN_LINES)..)
            .unwrap_or_default();
        (outcomes, problems, last.join("\n"))
    }

    /// None of these may look like a good run.
    async fn notices_what_breaks_a_run(&self) {
        let place = self.dir.path().join(SOURCES).join("tests/api_resources");
        for (file, text) in BREAKING {
            fs::write(place.join(file), text).unwrap();
            let (_, problems, said) = self.run(&[file]).await;
            fs::remove_file(place.join(file)).unwrap();
            let noticed = problems.iter().any(|problem| problem.starts_with("pytest ended"));
            assert!(noticed, "{file}: {problems:?}\n{said}");
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table is what a long run is for")]
fn tell(outcomes: &Outcomes) {
    println!("{outcomes}");
}
