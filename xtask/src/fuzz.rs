//! `cargo xtask fuzz`: gives the targets of `fuzz/` to libFuzzer, one after the other.
//!
//! cargo-fuzz builds with AddressSanitizer, whose flag the stable compiler takes only when it is told to.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};

use crate::{
    Usage,
    packages::{Tool, install_missing},
    step::{cargo, on_path, run as run_command, say},
};

const TOOLS: [Tool; 1] = [Tool {
    program: "c++",
    package: "g++",
    without: "fuzzing (libFuzzer is C++)",
}];

/// The largest input tried, bytes. Also what a peer may send before it is registered.
const MAX_INPUT_BYTES: u32 = 64 * 1024;
/// An input that takes longer is a finding, seconds.
const SLOW_SECONDS: u32 = 25;
/// What a target may take in all, MiB; most of it is AddressSanitizer's.
const MEMORY_MIB: u32 = 2048;

/// What to fuzz, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// One target; all of them without it.
    target: Option<String>,
    /// For each target.
    seconds: u32,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, Usage> {
        let mut options = Self {
            target: None,
            seconds: 60,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let seconds = args.next().and_then(|text| text.parse().ok());
                    options.seconds = seconds
                        .filter(|seconds| *seconds > 0)
                        .ok_or_else(|| Usage("--seconds needs a number from 1".to_owned()))?;
                }
                name if !name.starts_with('-') && options.target.is_none() => {
                    options.target = Some(name.to_owned());
                }
                _ => return Err(Usage::unknown(arg)),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let targets = chosen(targets()?, options.target.as_deref())?;
    install_missing(&TOOLS);
    if on_path("c++").is_none() {
        return Ok(());
    }
    if on_path("cargo-fuzz").is_none() {
        say("no `cargo-fuzz` here (`cargo install cargo-fuzz --locked` brings it): nothing is fuzzed");
        return Ok(());
    }
    // Every target has its turn: one finding does not hide another.
    let failed: Vec<&String> = targets
        .iter()
        .filter(|target| {
            let found = fuzz(target, options.seconds);
            found.inspect_err(|failure| say(format!("{failure:#}"))).is_err()
        })
        .collect();
    if failed.is_empty() {
        say(format!("fuzz: {} targets without a finding", targets.len()));
        return Ok(());
    }
    bail!(
        "findings in {failed:?}; the inputs lie in fuzz/artifacts, to be run by `cargo fuzz run TARGET INPUT`"
    )
}

/// Every target in alphabetical order: a file each.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder = fuzz_dir().join("fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort_unstable();
    Ok(targets)
}

fn chosen(targets: Vec<String>, target: Option<&str>) -> anyhow::Result<Vec<String>> {
    match target {
        None => Ok(targets),
        Some(name) if targets.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("no target is called {name:?}; there are {}", targets.join(", ")),
    }
}

fn fuzz(target: &str, seconds: u32) -> anyhow::Result<()> {
    let (corpus, seeds) = (
        fuzz_dir().join("corpus").join(target),
        fuzz_dir().join("seeds").join(target),
    );
    for folder in [&corpus, &seeds] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = cargo(["fuzz", "run", "--fuzz-dir"]);
    command.arg(fuzz_dir()).arg(target);
    // libFuzzer writes what it discovers to the first folder and only reads the others.
    command.args([corpus, seeds]).arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_INPUT_BYTES}"),
        format!("-timeout={SLOW_SECONDS}"),
        format!("-rss_limit_mb={MEMORY_MIB}"),
        "-print_final_stats=1".to_owned(),
    ]);
    run_command(command.env("RUSTC_BOOTSTRAP", "1"))
}

fn fuzz_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn one_target_or_all_are_fuzzed_for_so_many_seconds() {
        let options = Options::parse(&words("preamble --seconds 5")).unwrap();
        assert_eq!(
            (options.target.as_deref(), options.seconds),
            (Some("preamble"), 5)
        );
        assert_eq!(Options::parse(&[]).unwrap().target, None);
    }

    #[test]
    fn a_senseless_command_line_is_refused() {
        for line in ["--seconds", "--seconds 0", "--seconds ten", "--minutes 1", "a b"] {
            assert!(Options::parse(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn every_target_that_is_a_file_is_declared_and_has_seeds() {
        let manifest = fs::read_to_string(fuzz_dir().join("Cargo.toml")).unwrap();
        for target in targets().unwrap() {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")),
                "{target}"
            );
            assert!(fuzz_dir().join("seeds").join(&target).is_dir(), "{target}");
        }
        assert!(chosen(targets().unwrap(), Some("no such target")).is_err());
    }
}
