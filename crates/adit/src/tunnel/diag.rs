//! `tunnel diag`: what a connector on this machine says of itself, its log, and its way to the edge, in one archive.
//!
//! Names of files and of what is collected are the stock client's, so that who reads its archives reads these. Secrets
//! are masked before anything is written ([`mask`]), whatever the connector that was asked masks itself.

mod archive;
mod collect;
mod instance;
mod logs;
mod mask;
mod trace;

use std::time::Duration;

use adit_connector::{IpVersion, PrecheckPlan, ProtocolChoice};
use adit_net::tls::{KeyExchange, TrustAnchors};

use super::{
    options::{TunnelOptions, set},
    plan::trust,
    prechecks::prechecks,
    render,
};
use crate::{failure::Failure, output, personality::Personality};
use collect::{Collected, Job, Outcome};
use instance::{Found, Instance};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(45);

#[derive(Debug, clap::Args)]
pub(super) struct Diag {
    /// Take the log of that container, by docker
    #[arg(long, value_name = "ID")]
    diag_container_id: Option<String>,
    /// Take the log of that pod, by kubectl
    #[arg(long, value_name = "POD")]
    diag_pod_id: Option<String>,
    /// Leave out the log
    #[arg(long)]
    no_diag_logs: bool,
    /// Leave out the metrics
    #[arg(long)]
    no_diag_metrics: bool,
    /// Leave out what the system is
    #[arg(long)]
    no_diag_system: bool,
    /// Leave out profiles of a runtime
    #[arg(long)]
    no_diag_runtime: bool,
    /// Leave out the way to the edge
    #[arg(long)]
    no_diag_network: bool,
}

impl Diag {
    /// What is to be collected, in order.
    fn jobs(&self) -> Vec<Job> {
        let left_out = |job: &Job| match job {
            Job::TunnelState | Job::CommandLine | Job::Configuration => false,
            Job::System => self.no_diag_system,
            Job::Tasks | Job::Heap => self.no_diag_runtime,
            Job::Metrics => self.no_diag_metrics,
            Job::Log => self.no_diag_logs,
            Job::TraceInWords | Job::Trace | Job::Prechecks => self.no_diag_network,
        };
        Job::ALL.into_iter().filter(|job| !left_out(job)).collect()
    }
}

/// Collects, reports and writes the archive into the working directory.
pub(super) async fn run(
    command: &Diag,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    // The stock client tells of every failure and is content.
    diagnose(command, options, personality)
        .await
        .map_err(|failure| failure.only_told_by_stock(personality))
}

/// How edges are looked at; which ones, the connector says.
fn look_at_edges(options: &TunnelOptions, personality: Personality) -> Result<PrecheckPlan, Failure> {
    let trust = match set(options.cacert.as_ref()) {
        Some(path) => trust(path)?,
        None => TrustAnchors::System,
    };
    Ok(PrecheckPlan {
        edges: Vec::new(),
        trust,
        key_exchange: KeyExchange::default(),
        ip_version: IpVersion::Auto,
        bind_address: None,
        protocol: ProtocolChoice::Auto,
        prechecks: prechecks(personality, options.api_url.as_deref(), false),
    })
}

async fn diagnose(command: &Diag, options: &TunnelOptions, personality: Personality) -> Result<(), Failure> {
    let given = options.metrics.as_deref().filter(|address| !address.is_empty());
    let instance = match given {
        Some(address) => Instance::at(address)?,
        None => match Instance::find().await {
            Found::One(instance) => instance,
            Found::None => {
                return Err(
                    Failure::because("no connector on this machine answers at the usual ports")
                        .hint("name its address with --metrics; of a container, publish that port"),
                );
            }
            Found::Several(instances) => {
                return Err(Failure::because("several connectors run on this machine")
                    .hint(format!("choose one with --metrics: {}", instances.join(", "))));
            }
        },
    };
    render::log_line(&format!("Asking the connector at {}", instance.address()), None);
    let mut collected = Collected::new(
        instance,
        command.diag_container_id.clone(),
        command.diag_pod_id.clone(),
        look_at_edges(options, personality)?,
    )?;
    let deadline = tokio::time::Instant::now() + LIMIT;
    for job in command.jobs() {
        render::log_line(&format!("Collecting {}", job.name()), None);
        let done = tokio::time::timeout_at(deadline, collected.collect(job)).await;
        if done.is_err() {
            collected.ran_out_of_time(job);
        }
    }
    let path = archive::write(&collected)?;
    output::result(&report(&collected))?;
    output::result(&format!("Diagnostic archive: {path}\n"))
}

/// What was collected, in a table.
fn report(collected: &Collected) -> String {
    let head = ["COLLECTED", "RESULT", "FILE"].map(str::to_owned);
    let rows = collected.outcomes().iter().map(|(job, outcome)| {
        let (result, rest) = match outcome {
            Outcome::Have(_) => ("success", job.file().to_owned()),
            Outcome::Absent(why) => ("absent", why.clone()),
            Outcome::Failed(why) => ("failure", why.clone()),
        };
        [job.name().to_owned(), result.to_owned(), rest]
    });
    render::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}
