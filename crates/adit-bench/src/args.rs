//! The command line.

use std::{path::PathBuf, time::Duration};

use adit_testing::mesh::{Fault, Variant};

use crate::{edge::Part, mesh::Node, modes::Kind};

pub(crate) const USAGE: &str = "\
usage: adit-bench run [OPTION]...
       adit-bench api [--quick] [--rounds N] [--adit FILE]
       adit-bench edge [--quick] [--rounds N] [--adit FILE] [--parts PART,...]
       adit-bench connector [--quick] [--rounds N] [--adit FILE] [--connector FILE]
       adit-bench calm [--quick] [--rounds N] [--adit FILE]
       adit-bench mesh [--quick] [--rounds N] [--seconds N]
       adit-bench failover [--quick] [--runs N] [--adit FILE] [--events EVENT,...] [--ipv6] [--profile normal|fast]

run measures tunnels:

  --quick            one second a figure, three rounds: for orientation
  --rounds N         how often each mode is measured (default 5)
  --seconds N        how long requests are counted (default 3); bulk takes two thirds of it each way
  --connections N    keep-alive connections of the client (default 64)
  --only MODE,...    some of direct, haproxy, rathole, adit, stock-quic, stock-http2
  --adit FILE        the program to measure (default: adit beside this one)

api measures the REST API over SQLite with 100,000 tunnels; --quick with 10,000 and fewer calls
edge measures, each or some of: handshakes (TLS), waiting (their memory), configurations, udp (sessions), private (TCP)
and ramp (a rising load); --quick with a tenth of each
connector measures ours and the stock one on the same edge: requests, bulk, memory, start; --connector names the program
     to measure where it is not the edge's
calm measures what good clients notice of bad peers and of a connector that is lost; --quick once
mesh measures what a mesh link and the hub carry between two network namespaces, beside other programs, and many
     members of one hub; as root
failover measures how long packets do not pass when a replica of a site fails, 20 times each; --quick three times.
     Events: manual, drain, crash, link-gone, host-gone (with keepalived beside), lan-lost, lan-silent, stopped,
     edge-restart. Hosts speak by IPv4, or by IPv6; as root";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print the usage.
    Help,
    /// Be the origin.
    Origin,
    /// Be an edge with users of private networks in it.
    PrivateEdge,
    /// Measure tunnels.
    Run(Options),
    /// Measure the API.
    Api(Options),
    /// Measure what else an edge does.
    Edge(Options),
    /// Measure the connector beside the stock one.
    Connector(Options),
    /// Measure what good clients notice of trouble.
    Calm(Options),
    /// Measure what a mesh link carries.
    Mesh(Options),
    /// Measure what hosts notice of failovers.
    Failover(Options),
    /// Be one end of a mesh link.
    MeshNode(Node),
    /// Be a hub that listens there.
    MeshHub(String),
}

/// How to measure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// How often each mode has its turn.
    pub(crate) rounds: u32,
    /// How long requests are counted in a turn.
    pub(crate) window: Duration,
    /// Keep-alive connections of the client.
    pub(crate) connections: usize,
    /// The modes to measure, those that can run here.
    pub(crate) kinds: Vec<Kind>,
    /// What of an edge to measure.
    pub(crate) parts: Vec<Part>,
    /// What is to fail.
    pub(crate) faults: Vec<Fault>,
    /// In which kind of mesh.
    pub(crate) variant: Variant,
    /// The program to measure; `None` is the one beside this program.
    pub(crate) adit: Option<PathBuf>,
    /// The connector to measure; `None` is the program to measure.
    pub(crate) connector: Option<PathBuf>,
    /// Whether orientation is enough.
    pub(crate) quick: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: ROUNDS,
            window: Duration::from_secs(3),
            connections: 64,
            kinds: Kind::ALL.to_vec(),
            parts: Part::ALL.to_vec(),
            faults: Fault::ALL.to_vec(),
            variant: Variant::default(),
            adit: None,
            connector: None,
            quick: false,
        }
    }
}

/// How often each mode has its turn.
const ROUNDS: u32 = 5;
/// How often something fails.
const RUNS: u32 = 20;

impl Options {
    /// How long bulk is moved each way in a turn.
    pub(crate) fn bulk_window(&self) -> Duration {
        self.window * 2 / 3
    }
}

impl Command {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        match args.split_first().map(|(command, rest)| (command.as_str(), rest)) {
            Some(("origin", [])) => Ok(Self::Origin),
            Some(("private-edge", [])) => Ok(Self::PrivateEdge),
            Some(("run", rest)) if rest.iter().any(|arg| arg == "--help") => Ok(Self::Help),
            Some(("run", rest)) => parse_options(ROUNDS, rest).map(Self::Run),
            Some(("api", rest)) => parse_options(ROUNDS, rest).map(Self::Api),
            Some(("edge", rest)) => parse_options(ROUNDS, rest).map(Self::Edge),
            Some(("connector", rest)) => parse_options(ROUNDS, rest).map(Self::Connector),
            Some(("calm", rest)) => parse_options(ROUNDS, rest).map(Self::Calm),
            Some(("mesh", rest)) => parse_options(ROUNDS, rest).map(Self::Mesh),
            Some(("failover", rest)) => parse_options(RUNS, rest).map(Self::Failover),
            Some(("mesh-hub", [listen])) => Ok(Self::MeshHub(listen.clone())),
            Some(("mesh-node", rest)) => Node::parse(rest).map(Self::MeshNode),
            Some(("--help" | "help", _)) => Ok(Self::Help),
            Some((other, _)) => Err(format!("unknown command {other:?}")),
            None => Err("no command".to_owned()),
        }
    }
}

fn parse_options(rounds: u32, args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        rounds,
        ..Options::default()
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => {
                (options.rounds, options.window, options.quick) = (3, Duration::from_secs(1), true);
            }
            "--rounds" | "--runs" => options.rounds = positive(value()?)?,
            "--seconds" => options.window = Duration::from_secs(positive(value()?)?.into()),
            "--connections" => options.connections = positive(value()?)? as usize,
            "--only" => options.kinds = value()?.split(',').map(Kind::parse).collect::<Result<_, _>>()?,
            "--parts" => options.parts = value()?.split(',').map(Part::parse).collect::<Result<_, _>>()?,
            "--events" => options.faults = value()?.split(',').map(fault).collect::<Result<_, _>>()?,
            "--ipv6" => options.variant.ipv6 = true,
            "--profile" => {
                options.variant.fast = match value()?.as_str() {
                    "fast" => true,
                    "normal" => false,
                    other => return Err(format!("no profile is called {other:?}")),
                };
            }
            "--adit" => options.adit = Some(value()?.into()),
            "--connector" => options.connector = Some(value()?.into()),
            _ => return Err(format!("unknown option {arg:?}")),
        }
    }
    Ok(options)
}

fn fault(name: &str) -> Result<Fault, String> {
    Fault::ALL
        .into_iter()
        .find(|fault| fault.name() == name)
        .ok_or_else(|| format!("no event is called {name:?}"))
}

fn positive(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{text:?} is no number from 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let expected = Options {
            rounds: 2,
            window: Duration::from_secs(1),
            connections: 8,
            kinds: vec![Kind::Direct, Kind::Adit],
            parts: vec![Part::Udp],
            faults: Fault::ALL.to_vec(),
            variant: Variant::default(),
            adit: None,
            connector: None,
            quick: true,
        };
        let line = "run --quick --rounds 2 --connections 8 --only direct,adit --parts udp";
        assert_eq!(parse(line), Ok(Command::Run(expected)));
        assert_eq!(parse("run"), Ok(Command::Run(Options::default())));
        let expected = Options {
            rounds: 20,
            faults: vec![Fault::Crash, Fault::LanLost],
            ..Options::default()
        };
        assert_eq!(
            parse("failover --events crash,lan-lost"),
            Ok(Command::Failover(expected))
        );
        let expected = Options {
            rounds: 20,
            variant: Variant {
                ipv6: true,
                fast: true,
            },
            ..Options::default()
        };
        assert_eq!(
            parse("failover --ipv6 --profile fast"),
            Ok(Command::Failover(expected))
        );
    }

    #[test]
    fn mistakes_are_told() {
        for line in [
            "",
            "walk",
            "run --rounds 0",
            "run --rounds",
            "run --only direkt",
            "run --fast",
            "failover --events fire",
            "failover --profile slow",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
