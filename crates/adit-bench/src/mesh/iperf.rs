//! One run of iperf3.

use std::{
    fmt,
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use adit_testing::process::Process;
use anyhow::{Context, ensure};

use super::way::Way;

/// Where the next server listens: the one before may still be there.
static NEXT_PORT: AtomicU16 = AtomicU16::new(5_201);

/// Which side sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The first.
    There,
    /// The second.
    Back,
}

impl Direction {
    pub(super) const BOTH: [Self; 2] = [Self::There, Self::Back];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::There => "there",
            Self::Back => "back",
        }
    }
}

/// What it measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// 10⁹ bits a second, as received.
    pub(super) gigabits: f64,
    /// Segments that TCP sent again.
    pub(super) retransmissions: f64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} Gbit/s, {} segments sent again",
            self.gigabits, self.retransmissions
        )
    }
}

pub(super) async fn run(way: &Way, direction: Direction, window: Duration) -> anyhow::Result<Run> {
    let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed).to_string();
    let mut server = way.spaces.command(1, "iperf3");
    server.args(["--port", &port]);
    server.args([
        "--server",
        "--one-off",
        "--forceflush",
        "--bind",
        way.addresses[1],
    ]);
    let server = Process::spawn("iperf3", server);
    server.line("Server listening").await;
    let mut client = way.spaces.command(0, "iperf3");
    client.args(["--client", way.addresses[1], "--port", &port, "--json"]);
    client.args(["--time", &window.as_secs().max(1).to_string()]);
    if direction == Direction::Back {
        client.arg("--reverse");
    }
    let done = client
        .stdin(Stdio::null())
        .output()
        .await
        .context("no iperf3 here")?;
    ensure!(
        done.status.success(),
        "iperf3: {}",
        String::from_utf8_lossy(&done.stdout).trim()
    );
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).context("iperf3's report")?;
    let number = |pointer: &str| report.pointer(pointer).and_then(serde_json::Value::as_f64);
    Ok(Run {
        gigabits: number("/end/sum_received/bits_per_second").context("iperf3 tells no rate")? / 1e9,
        retransmissions: number("/end/sum_sent/retransmits").context("iperf3 tells no retransmissions")?,
    })
}
