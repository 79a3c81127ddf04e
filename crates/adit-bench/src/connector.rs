//! Our connector beside the stock one, on the same edge and over both transports: what a request, a byte and an open stream
//! cost it, and how long it takes from its start to its first connection.
//!
//! The ways take turns, round after round. A turn has a process of its own, so that none is measured with what an earlier
//! one left it; starts come first, with a tunnel of their own.

mod start;
mod streams;
mod table;
mod turn;

use std::{env, path::PathBuf, time::Duration};

use adit_testing::{cloudflared::Protocol, process::Process};
use anyhow::Context;
use tempfile::TempDir;

use crate::{
    args::Options,
    modes::{
        Parts,
        adit::{own_connector_with, stock_connector},
        adit_program,
        api::PublicTunnel,
        edge::Edge,
        start_origin, stock, unless_it_panics,
    },
    print, say,
};
use turn::Seen;

/// How much of each.
#[derive(Debug, Clone, Copy)]
struct Scale {
    rounds: u32,
    starts: u32,
    /// Streams that are open at a time.
    streams: usize,
    /// Keep-alive connections of the client that asks.
    connections: usize,
    /// How long requests are counted; bulk takes two thirds of it each way.
    window: Duration,
    /// How long a process is left alone before its memory is looked at, and how long its streams are open.
    settle: Duration,
}

impl Scale {
    const fn of(options: &Options) -> Self {
        Self {
            rounds: options.rounds,
            starts: if options.quick { 5 } else { 20 },
            streams: 1000,
            connections: options.connections,
            window: options.window,
            settle: Duration::from_secs(if options.quick { 4 } else { 8 }),
        }
    }
}

/// Whose connector, over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Who {
    name: &'static str,
    is_stock: bool,
    over: Protocol,
}

/// Ours and the stock one over a transport stand beside each other.
const WAYS: [Who; 4] = [
    who("adit-quic", false, Protocol::Quic),
    who("stock-quic", true, Protocol::Quic),
    who("adit-http2", false, Protocol::Http2),
    who("stock-http2", true, Protocol::Http2),
];

const fn who(name: &'static str, is_stock: bool, over: Protocol) -> Who {
    Who { name, is_stock, over }
}

/// What was measured of one of them.
#[derive(Debug)]
struct Measured {
    who: Who,
    /// From the start to the first registered connection, ms.
    starts: Vec<f64>,
    rounds: Vec<Seen>,
}

/// What each turn is made with.
struct Bench {
    parts: Parts,
    stock: PathBuf,
    edge: Edge,
    scale: Scale,
}

/// A connector that runs. Dropping it kills it.
struct Running {
    process: Process,
    /// What the stock one keeps on disk.
    _home: Option<TempDir>,
}

impl Bench {
    async fn start(&self, who: Who, tunnel: &PublicTunnel) -> anyhow::Result<Running> {
        if who.is_stock {
            let started = stock_connector(&self.parts, &self.edge, tunnel, &self.stock, who.over);
            let (process, home) = started.await?;
            return Ok(Running {
                process,
                _home: Some(home),
            });
        }
        let over = who.over.to_string();
        // The stock one has the same flags from the harness.
        let flags = ["--no-prechecks", "--grace-period", "2s", "--protocol", &over];
        let process = own_connector_with(&self.parts, &self.edge, tunnel, &flags)?;
        Ok(Running { process, _home: None })
    }
}

/// Measures and prints the tables.
///
/// # Errors
/// When there is no stock connector to compare with, or something does not serve as it should.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let stock = stock()?;
    let edge = Edge::start(&adit_program(options)?).await?;
    let connector = match &options.connector {
        // A path relative to here would lead elsewhere from a process with another directory.
        Some(program) => env::current_dir()?.join(program),
        None => adit_program(options)?,
    };
    let (_origin, origin) = start_origin().await?;
    let bench = Bench {
        parts: Parts {
            origin,
            adit: connector,
        },
        stock,
        edge,
        scale: Scale::of(options),
    };
    let mut all = Vec::new();
    for who in WAYS {
        all.push((bench.edge.api.create_public_tunnel(who.name).await?, who));
    }
    let mut measured = WAYS.map(|who| Measured {
        who,
        starts: Vec::new(),
        rounds: Vec::new(),
    });

    let spare = bench.edge.api.create_public_tunnel("starts").await?;
    for number in 1..=bench.scale.starts {
        for of in &mut measured {
            let took = unless_it_panics(start::measure(&bench, of.who, &spare)).await;
            let took = took.with_context(|| format!("start {number} of {}", of.who.name))?;
            of.starts.push(took.as_secs_f64() * 1e3);
        }
    }
    for round in 1..=bench.scale.rounds {
        for ((tunnel, who), of) in all.iter().zip(&mut measured) {
            let seen = unless_it_panics(turn::measure(&bench, *who, tunnel)).await;
            let seen = seen.with_context(|| format!("{} in round {round}", who.name))?;
            say(&format!(
                "round {round}/{}: {}: {seen}",
                bench.scale.rounds, who.name
            ));
            of.rounds.push(seen);
        }
    }
    print(&table::of(&measured));
    Ok(())
}
