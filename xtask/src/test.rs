//! `cargo xtask test`: the tests, with what they need installed first and what they left out told at the end.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{
    Usage,
    packages::{INITDB, Tool, here, install_missing},
    step::{cargo, on_path, run as run_command, say},
};

const TOOLS: [Tool; 10] = [
    Tool {
        program: "capnp",
        package: "capnproto",
        without: "the_committed_code_matches_its_schemas",
    },
    Tool {
        program: INITDB,
        package: "postgresql",
        without: POSTGRES_TESTS,
    },
    Tool {
        program: FLOCK,
        package: "util-linux",
        without: POSTGRES_TESTS,
    },
    Tool {
        program: "ip",
        package: "iproute2",
        without: MESH_TESTS,
    },
    Tool {
        program: "nft",
        package: "nftables",
        without: MESH_TESTS,
    },
    Tool {
        program: "ping",
        package: "iputils-ping",
        without: MESH_TESTS,
    },
    Tool {
        program: "wireguard-go",
        package: "wireguard-go",
        without: DEVICE_TESTS,
    },
    Tool {
        program: "wg",
        package: "wireguard-tools",
        without: DEVICE_TESTS,
    },
    Tool {
        program: "iperf3",
        package: "iperf3",
        without: DEVICE_TESTS,
    },
    Tool {
        program: "tcpdump",
        package: "tcpdump",
        without: "the mesh's test of what a path says of its size",
    },
];

/// What looks after the tests' PostgreSQL server: see `adit_testing::postgres`.
const FLOCK: &str = "flock";
const POSTGRES_TESTS: &str = "the tests of the store and of the API on PostgreSQL";
const MESH_TESTS: &str = "the tests of the mesh in network namespaces";
const DEVICE_TESTS: &str = "the tests of the mesh with WireGuard clients of others";
/// Makes the tests of the API run on PostgreSQL.
const ENGINE: &str = "ADIT_TEST_ENGINE";

/// Where a test writes down that it could not run: see `adit_testing::skip`.
const SKIP_LOG: &str = "ADIT_SKIP_LOG";
/// Set for the suites that take their time: see `adit_testing::long_only`.
const LONG: &str = "ADIT_LONG";
/// Makes tests write what they compare with anew.
const GENERATE: &str = "ADIT_GENERATE";
/// The stock connector that the compatibility tests run.
const CLOUDFLARED: &str = "ADIT_CLOUDFLARED";

/// What to test.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The fault, scale and peer suites too.
    long: bool,
    /// For the runner, in place of `--workspace`.
    runner_args: Vec<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, Usage> {
        let mut options = Self::default();
        for (at, arg) in args.iter().enumerate() {
            match arg.as_str() {
                "--long" => options.long = true,
                "--" => {
                    options.runner_args = args.iter().skip(at + 1).cloned().collect();
                    break;
                }
                _ => return Err(Usage::unknown(arg)),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    install_missing(&TOOLS);
    let cloudflared = stock_connector();
    let skip_log = SkipLog::create()?;

    let with_environment = |mut command: Command| {
        for name in env::vars_os()
            .map(|(name, _)| name)
            .filter(|name| is_setting(name))
        {
            command.env_remove(name);
        }
        command.env(SKIP_LOG, &skip_log.path);
        if options.long {
            command.env(LONG, "1");
        }
        if let Some(binary) = &cloudflared {
            command.env(CLOUDFLARED, binary);
        }
        command
    };
    let whole = options.runner_args.is_empty();
    let doctests = if whole {
        run_command(&mut with_environment(doctests()))
    } else {
        Ok(())
    };
    let second_engine = if whole && here(INITDB).and(here(FLOCK)).is_some() {
        // What takes its time does so once.
        run_command(
            with_environment(api_tests())
                .env(ENGINE, "postgres")
                .env_remove(LONG),
        )
    } else {
        Ok(())
    };
    let tests = run_command(&mut with_environment(tests(options)));

    skip_log.tell();
    tests?;
    second_engine?;
    doctests
}

/// Whether a variable would change what Adit, PostgreSQL's clients or the official tools do under test. Those of the tests
/// themselves stay.
fn is_setting(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let of_tests = [SKIP_LOG, LONG, CLOUDFLARED, ENGINE, GENERATE].contains(&&*name);
    let prefixes = ["ADIT_", "PG", "TUNNEL_", "CLOUDFLARE_"];
    !of_tests && prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The tests of the API, once more, for the second engine. Their snapshots are the same ones.
fn api_tests() -> Command {
    tests(&Options {
        long: false,
        runner_args: ["-p", "adit-api", "--test", "api"].map(str::to_owned).into(),
    })
}

/// The doctests come first and quietly, so that the runner's summary stays the last thing on the screen.
fn doctests() -> Command {
    cargo([
        "test",
        "--workspace",
        "--doc",
        "--quiet",
        "--no-fail-fast",
        "--locked",
    ])
}

fn tests(options: &Options) -> Command {
    let nextest = on_path("cargo-nextest").is_some();
    let mut command = if nextest {
        cargo(["nextest", "run", "--no-fail-fast", "--locked"])
    } else {
        cargo(["test", "--all-targets", "--no-fail-fast", "--locked"])
    };
    if options.runner_args.is_empty() {
        command.arg("--workspace");
    }
    if options.long && nextest {
        command.args(["--profile", "long"]);
    }
    command.args(&options.runner_args);
    command
}

/// The stock connector to test with, told in a line: `ADIT_CLOUDFLARED`, or else what is on `PATH`.
fn stock_connector() -> Option<PathBuf> {
    let named = env::var_os(CLOUDFLARED)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let found = named.or_else(|| on_path("cloudflared"));
    match &found {
        Some(binary) => say(format!("stock cloudflared: {}", binary.display())),
        None => say(format!(
            "no stock cloudflared ({CLOUDFLARED} is not set, none on PATH): its tests will be skipped"
        )),
    }
    found
}

/// A file that every test process appends its skipped tests to: a runner shows only the output of tests that fail.
struct SkipLog {
    path: PathBuf,
}

impl SkipLog {
    fn create() -> anyhow::Result<Self> {
        let path = env::temp_dir().join(format!("adit-skipped-{}.log", std::process::id()));
        fs::File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    fn tell(&self) {
        let skipped = skipped_tests(&self.path);
        if skipped.is_empty() {
            return;
        }
        say(format!("\n{} skipped for want of what they need:", skipped.len()));
        skipped.iter().for_each(say);
    }
}

impl Drop for SkipLog {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Each skipped test once, in alphabetical order.
fn skipped_tests(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("SKIPPED "))
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn command_line(options: &Options) -> String {
        let command = tests(options);
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn everything_is_tested_unless_the_runner_is_told_otherwise() {
        let everything = Options::parse(&[]).unwrap();
        assert!(command_line(&everything).ends_with("--workspace"));

        let one_crate = Options::parse(&words("-- -p adit-wire preamble")).unwrap();
        assert!(command_line(&one_crate).ends_with("-p adit-wire preamble"));
        assert!(!command_line(&one_crate).contains("--workspace"));
    }

    #[test]
    fn what_somebody_has_set_for_adit_or_postgresql_does_not_reach_the_tests() {
        for name in ["ADIT_STORE_URL", "PGHOST", "TUNNEL_EDGE", "CLOUDFLARE_API_TOKEN"] {
            assert!(is_setting(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "ADIT_CLOUDFLARED", "ADIT_TEST_ENGINE", "CARGO_TARGET_DIR"] {
            assert!(!is_setting(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_long_suites_have_time() {
        let long = Options::parse(&words("--long")).unwrap();
        assert!(long.long);
        assert!(!Options::default().long);
    }

    #[test]
    fn an_unknown_argument_is_refused() {
        assert_eq!(Options::parse(&words("--lang")), Err(Usage::unknown("--lang")));
    }

    #[test]
    fn a_skipped_test_is_told_once() {
        let log = SkipLog::create().unwrap();
        fs::write(
            &log.path,
            "SKIPPED b: no c\nnoise\nSKIPPED a: no b\nSKIPPED b: no c\n",
        )
        .unwrap();
        assert_eq!(skipped_tests(&log.path), ["SKIPPED a: no b", "SKIPPED b: no c"]);

        let path = log.path.clone();
        drop(log);
        assert!(!path.exists());
    }
}
