//! What our edge costs beyond a stream of requests: TLS handshakes, what waits in it without a word, how fast a
//! configuration reaches many connectors, private networks, and whether a rising load makes it stutter.

mod dialled;
mod handshakes;
mod idle;
mod private;
mod push;
mod ramp;
mod tls;
mod udp;

use std::{path::Path, time::Duration};

pub(crate) use udp::private_edge;

use crate::{
    args::Options,
    figures::{self, Line},
    modes::adit_program,
    print, say,
};

/// How much of each.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Public TLS connections that wait.
    connections: usize,
    /// WebSockets that wait.
    websockets: usize,
    /// Connectors' connections that wait.
    registered: usize,
    /// Connectors that are configured.
    configured: usize,
    /// UDP sessions that wait.
    sessions: usize,
    rounds: u32,
    /// The rate at the end of the ramp, requests/s.
    ramp_to: u32,
}

impl Scale {
    const fn of(options: &Options) -> Self {
        if options.quick {
            Self {
                connections: 1000,
                websockets: 500,
                registered: 500,
                configured: 100,
                sessions: 1000,
                rounds: 1,
                ramp_to: 1000,
            }
        } else {
            Self {
                connections: 10_000,
                websockets: 5000,
                registered: 5000,
                configured: 1000,
                sessions: 10_000,
                rounds: options.rounds,
                ramp_to: 2500,
            }
        }
    }
}

/// A part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// TLS handshakes.
    Handshakes,
    /// The memory of what waits.
    Waiting,
    /// The push of configurations.
    Configurations,
    /// UDP sessions.
    Udp,
    /// Private TCP flows.
    Private,
    /// A rising load.
    Ramp,
}

impl Part {
    pub(crate) const ALL: [Self; 6] = [
        Self::Handshakes,
        Self::Waiting,
        Self::Configurations,
        Self::Udp,
        Self::Private,
        Self::Ramp,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Waiting => "waiting",
            Self::Configurations => "configurations",
            Self::Udp => "udp",
            Self::Private => "private",
            Self::Ramp => "ramp",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let part = Self::ALL.into_iter().find(|part| part.name() == name);
        part.ok_or_else(|| format!("no part is called {name:?}"))
    }
}

/// Measures and prints the table.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let (scale, program) = (Scale::of(options), adit_program(options)?);
    let mut lines: Vec<Line> = Vec::new();
    for part in options.parts.iter().copied() {
        say(part.name());
        match measure(part, &program, scale, options.window).await {
            Ok(more) => lines.extend(more),
            // They need the stock connector.
            Err(reason) if matches!(part, Part::Private | Part::Ramp) => {
                say(&format!("left out: {}: {reason:#}", part.name()));
            }
            Err(failure) => return Err(failure),
        }
    }
    print(&figures::table(&lines));
    print(&figures::sum(lines.iter().filter_map(Line::met)));
    Ok(())
}

async fn measure(part: Part, program: &Path, scale: Scale, window: Duration) -> anyhow::Result<Vec<Line>> {
    match part {
        Part::Handshakes => handshakes::measure(program, scale, window).await,
        Part::Waiting => {
            let mut lines = vec![
                idle::tls(program, scale).await?,
                idle::websockets(program, scale).await?,
            ];
            lines.extend(dialled::measure(program, scale).await?);
            Ok(lines)
        }
        Part::Configurations => push::measure(program, scale).await,
        Part::Udp => udp::measure(scale, window).await,
        Part::Private => private::measure(program, scale, window).await,
        Part::Ramp => ramp::measure(program, scale).await,
    }
}

/// Growth of its own memory for each of so many, in KiB.
fn kib_each(before: u64, after: u64, count: usize) -> f64 {
    after.saturating_sub(before) as f64 / 1024.0 / count as f64
}
