//! What our edge costs beyond a stream of requests: TLS handshakes, what waits in it without a word, how fast a
//! configuration reaches many connectors, and whether a rising load makes it stutter.

mod dialled;
mod handshakes;
mod idle;
mod push;
mod ramp;
mod tls;
mod udp;

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

/// Measures and prints the table.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let (scale, program) = (Scale::of(options), adit_program(options)?);
    let mut lines: Vec<Line> = Vec::new();
    say("TLS handshakes");
    lines.extend(handshakes::measure(&program, scale, options.window).await?);
    say("waiting TLS connections");
    lines.push(idle::tls(&program, scale).await?);
    say("waiting WebSockets");
    lines.push(idle::websockets(&program, scale).await?);
    say("registered connections");
    lines.extend(dialled::measure(&program, scale).await?);
    say("configurations");
    lines.extend(push::measure(&program, scale).await?);
    say("UDP sessions");
    lines.extend(udp::measure(scale, options.window).await?);
    say("a rising load through the stock connector");
    match ramp::measure(&program, scale).await {
        Ok(more) => lines.extend(more),
        Err(reason) => say(&format!("left out: the ramp: {reason:#}")),
    }
    print(&figures::table(&lines));
    print(&figures::sum(lines.iter().filter_map(Line::met)));
    Ok(())
}

/// Growth of its own memory for each of so many, in KiB.
fn kib_each(before: u64, after: u64, count: usize) -> f64 {
    after.saturating_sub(before) as f64 / 1024.0 / count as f64
}
