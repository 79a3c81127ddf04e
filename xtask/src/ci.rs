//! `cargo xtask ci`: the checks in the order of their price, so that a slip is told early.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::{
    Usage, connector, layers,
    step::{cargo, run as run_command, say},
    test,
};

/// A step's name, and the check itself.
type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: [Step; 6] = [
    ("fmt", || run_command(&mut cargo(["fmt", "--all", "--check"]))),
    ("clippy", || {
        run_command(&mut cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]))
    }),
    ("connector", || {
        connector::dependencies()?;
        connector::clippy()
    }),
    ("layers", layers::run),
    ("doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--locked"]);
        run_command(doc.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("test", || test::run(&test::Options::default())),
];

/// Which of the steps to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    skipped: Vec<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, Usage> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let "--skip" = arg.as_str() else {
                return Err(Usage::unknown(arg));
            };
            let step = args
                .next()
                .ok_or_else(|| Usage("--skip needs the name of a step".to_owned()))?;
            if !STEPS.iter().any(|(name, _)| name == step) {
                return Err(Usage(format!("no step is called {step:?}")));
            }
            options.skipped.push(step.clone());
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut passed = Vec::new();
    for (name, check) in STEPS {
        if options.skipped.iter().any(|skipped| skipped == name) {
            continue;
        }
        say(format!("\n=== {name}"));
        let start = Instant::now();
        let done = check();
        let took = seconds(start.elapsed());
        say(format!(
            "=== {name}: {} after {took}",
            if done.is_ok() { "passed" } else { "FAILED" }
        ));
        done.with_context(|| format!("step {name} failed"))?;
        passed.push(format!("{name} {took}"));
    }
    say(format!("\nci: passed ({})", passed.join(", ")));
    Ok(())
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn steps_are_left_out_by_name() {
        assert_eq!(Options::parse(&words("--skip test")).unwrap().skipped, ["test"]);
        assert_eq!(Options::parse(&words("")).unwrap(), Options::default());
    }

    #[test]
    fn a_misspelt_step_is_refused() {
        for line in ["--skip tests", "--skip", "test"] {
            assert!(Options::parse(&words(line)).is_err(), "{line}");
        }
    }
}
