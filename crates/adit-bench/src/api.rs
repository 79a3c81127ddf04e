//! What the REST API costs with 100,000 tunnels in SQLite.
//!
//! The API runs in this process over a store of its own, so that the same database can be asked without HTTP: each list is
//! shown beside the statements that the store makes for it, run bare on the same kind of connection. Connections are reported as an edge reports them. Memory and the start are those
//! of `adit server` on the data that was made.

mod calls;
mod creates;
mod edge;
mod http;
mod population;
mod server;
mod table;

use std::{thread, time::Duration};

use anyhow::Context;
use tempfile::TempDir;

use self::{population::Population, server::Api};
use crate::{args::Options, figures::Line, modes::adit_program, print};

/// How much is made and how often it is asked.
#[derive(Debug, Clone, Copy)]
struct Scale {
    tunnels: usize,
    /// Host names that lead to tunnels.
    routes: usize,
    connectors: usize,
    /// Calls of each kind that are timed.
    calls: usize,
    /// Tunnels made in each round, with and without HTTP.
    creates: usize,
    rounds: u32,
}

impl Scale {
    fn of(options: &Options) -> Self {
        let full = Self {
            tunnels: 100_000,
            routes: 10_000,
            connectors: 1000,
            calls: 300,
            creates: 3200,
            rounds: options.rounds,
        };
        if options.quick {
            Self {
                tunnels: 10_000,
                routes: 1000,
                connectors: 100,
                calls: 100,
                creates: 800,
                ..full
            }
        } else {
            full
        }
    }
}

/// Measures and prints the tables.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let (scale, program) = (Scale::of(options), adit_program(options)?);
    let directory = TempDir::new()?;
    let keys = server::first_start(&program, directory.path()).await?;

    let file = directory.path().join("adit.db");
    let measured = in_a_runtime(move || async move {
        let api = Api::start(&file, keys).await?;
        let population = Population::make(&api, scale).await?;
        let calls = calls::measure(&api, &population, scale).await?;
        let creates = creates::measure(&api, &file, scale).await?;
        api.stop().await;
        anyhow::Ok((calls, creates))
    });
    let (calls, mut lines) = measured?;
    lines.extend(server::second_start(&program, directory.path()).await?);
    print(&table::of(&calls, &lines));
    Ok(())
}

/// Runs the API as a server does, on several threads; the bench's own runtime has one.
fn in_a_runtime<T, F>(work: impl FnOnce() -> F + Send) -> anyhow::Result<T>
where
    T: Send,
    F: Future<Output = anyhow::Result<T>>,
{
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?
                .block_on(work())
        });
        thread.join().ok().context("the measurement panicked")?
    })
}

/// How long each of some calls took.
#[derive(Debug, Default)]
struct Times(Vec<Duration>);

impl Times {
    fn sorted(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The time in milliseconds that this share of all stayed below.
    fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}
