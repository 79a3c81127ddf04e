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

const MESH_TOOLS: [Tool; 4] = [
    Tool {
        program: "ip",
        package: "iproute2",
        without: "everything of the mesh",
    },
    Tool {
        program: "iperf3",
        package: "iperf3",
        without: "everything of the mesh",
    },
    Tool {
        program: "wireguard-go",
        package: "wireguard-go",
        without: "the comparison with wireguard-go",
    },
    Tool {
        program: "wg",
        package: "wireguard-tools",
        without: "the comparisons with other programs",
    },
];

const FAILOVER_TOOLS: [Tool; 4] = [
    Tool {
        program: "ip",
        package: "iproute2",
        without: "everything of failovers",
    },
    Tool {
        program: "nft",
        package: "nftables",
        without: "everything of failovers",
    },
    Tool {
        program: "ping",
        package: "iputils-ping",
        without: "everything of failovers",
    },
    Tool {
        program: "keepalived",
        package: "keepalived",
        without: "the comparison with keepalived",
    },
];

/// What `adit-bench` is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Its command: tunnels, the API, what else an edge does, what clients notice of trouble, or what hosts notice of failovers.
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
                "connector" if at == 0 => options.measures = "connector",
                "calm" if at == 0 => options.measures = "calm",
                "mesh" if at == 0 => options.measures = "mesh",
                "failover" if at == 0 => options.measures = "failover",
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
    match options.measures {
        "run" => install_missing(&TOOLS),
        "mesh" => install_missing(&MESH_TOOLS),
        "failover" => install_missing(&FAILOVER_TOOLS),
        _ => {}
    }
    let mut build = cargo(["build", "--release", "--locked", "-p", "adit-bench"]);
    // A mesh link runs in the bench's own program.
    if options.measures != "mesh" {
        build.args(["-p", "adit"]);
    }
    run_command(&mut build)?;
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
