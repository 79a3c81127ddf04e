//! `cargo xtask bench`: builds for release, then hands over to `adit-bench`, which measures.

use crate::{
    Usage,
    packages::{Tool, install_missing},
    step::{cargo, run as run_command},
};

const TOOLS: [Tool; 1] = [Tool {
    program: "haproxy",
    package: "haproxy",
    without: "the mode with two HAProxy hops",
}];

/// What `adit-bench` is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Its command: tunnels, the API, what else an edge does, or what clients notice of trouble.
    measures: &'static str,
    args: Vec<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, Usage> {
        let mut options = Self {
            measures: "run",
            args: Vec::new(),
        };
        for (at, arg) in args.iter().enumerate() {
            match arg.as_str() {
                "api" if at == 0 => options.measures = "api",
                "edge" if at == 0 => options.measures = "edge",
                "calm" if at == 0 => options.measures = "calm",
                "--quick" => options.args.push(arg.clone()),
                "--" => {
                    options.args.extend(args.iter().skip(at + 1).cloned());
                    break;
                }
                _ => return Err(Usage::unknown(arg)),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.measures == "run" {
        install_missing(&TOOLS);
    }
    run_command(&mut cargo([
        "build",
        "--release",
        "--locked",
        "-p",
        "adit",
        "-p",
        "adit-bench",
    ]))?;
    let mut bench = cargo([
        "run",
        "--release",
        "--locked",
        "--quiet",
        "-p",
        "adit-bench",
        "--",
        options.measures,
    ]);
    run_command(bench.args(&options.args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn what_follows_two_dashes_is_for_the_bench() {
        let options = Options::parse(&words("--quick -- --only direct")).unwrap();
        assert_eq!(options.args, ["--quick", "--only", "direct"]);
        let options = Options::parse(&words("api --quick")).unwrap();
        assert_eq!(options.measures, "api");
        assert_eq!(options.args, ["--quick"]);
        assert!(Options::parse(&words("--fast")).is_err());
    }
}
