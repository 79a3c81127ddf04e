//! What is collected, and what came of it.

use std::{net::SocketAddr, path::Path};

use adit_connector::{EdgeAddress, PrecheckPlan};
use anyhow::{Context, bail};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    instance::Instance,
    logs::Source,
    mask::Mask,
    trace::{self, Traces},
};
use crate::failure::Failure;

/// Something to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    TunnelState,
    System,
    Tasks,
    Heap,
    Metrics,
    Log,
    TraceInWords,
    Trace,
    CommandLine,
    Configuration,
    Prechecks,
}

/// What came of it.
pub(super) enum Outcome {
    /// A file's content.
    Have(Vec<u8>),
    /// The connector has no such thing.
    Absent(String),
    /// Why not.
    Failed(String),
}

impl Job {
    /// In the order of their collection.
    pub(super) const ALL: [Self; 11] = [
        Self::TunnelState,
        Self::System,
        Self::Tasks,
        Self::Heap,
        Self::Metrics,
        Self::Log,
        Self::TraceInWords,
        Self::Trace,
        Self::CommandLine,
        Self::Configuration,
        Self::Prechecks,
    ];

    /// What it is called, in the report too.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::TunnelState => "tunnel state",
            Self::System => "system information",
            Self::Tasks => "goroutine profile",
            Self::Heap => "heap profile",
            Self::Metrics => "metrics",
            Self::Log => "log information",
            Self::TraceInWords => "raw network information",
            Self::Trace => "network information",
            Self::CommandLine => "cli configuration",
            Self::Configuration => "configuration",
            Self::Prechecks => "connectivity pre-checks",
        }
    }

    /// Its file in the archive.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::TunnelState => "tunnelstate.json",
            Self::System => "systeminformation.json",
            Self::Tasks => "goroutine.pprof",
            Self::Heap => "heap.pprof",
            Self::Metrics => "metrics.txt",
            Self::Log => "cloudflared_logs.txt",
            Self::TraceInWords => "raw-network.txt",
            Self::Trace => "network.json",
            Self::CommandLine => "cli-configuration.json",
            Self::Configuration => "configuration.json",
            Self::Prechecks => "prechecks.json",
        }
    }
}

/// What was collected so far.
pub(super) struct Collected {
    instance: Instance,
    container: Option<String>,
    pod: Option<String>,
    mask: Mask,
    edges: Vec<SocketAddr>,
    traces: Option<Traces>,
    prechecks: PrecheckPlan,
    outcomes: Vec<(Job, Outcome)>,
}

impl Collected {
    /// Nothing yet, of that connector.
    ///
    /// # Errors
    /// If secrets could not be masked.
    pub(super) fn new(
        instance: Instance,
        container: Option<String>,
        pod: Option<String>,
        prechecks: PrecheckPlan,
    ) -> Result<Self, Failure> {
        let given = |text: &String| !text.is_empty();
        Ok(Self {
            instance,
            container: container.filter(given),
            pod: pod.filter(given),
            mask: Mask::new().map_err(Failure::failed)?,
            edges: Vec::new(),
            prechecks,
            traces: None,
            outcomes: Vec::new(),
        })
    }

    /// What came of each.
    pub(super) fn outcomes(&self) -> &[(Job, Outcome)] {
        &self.outcomes
    }

    /// As a file of the archive: each with its result, and why it failed.
    pub(super) fn results(&self) -> Value {
        let result = |outcome: &Outcome| match outcome {
            Outcome::Have(_) => json!({"result": "success"}),
            Outcome::Absent(why) => json!({"error": why, "result": "absent"}),
            Outcome::Failed(why) => json!({"error": why, "result": "failure"}),
        };
        let results: Map<String, Value> = self
            .outcomes
            .iter()
            .map(|(job, outcome)| (job.name().to_owned(), result(outcome)))
            .collect();
        Value::Object(results)
    }

    /// Collects one of them.
    pub(super) async fn collect(&mut self, job: Job) {
        let outcome = match self.fetch(job).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(self.mask.text(format!("{error:#}").as_bytes())),
        };
        self.outcomes.push((job, outcome));
    }

    /// Notes that there was no time left for one.
    pub(super) fn ran_out_of_time(&mut self, job: Job) {
        let why = "there was no time left".to_owned();
        self.outcomes.push((job, Outcome::Failed(why)));
    }

    async fn fetch(&mut self, job: Job) -> anyhow::Result<Outcome> {
        let content = match job {
            Job::TunnelState => {
                let state = self.json("/diag/tunnel").await?;
                self.edges = trace::edges(&state);
                self.in_lines(state)?
            }
            Job::System => self.json_in_lines("/diag/system").await?,
            Job::CommandLine => self.json_in_lines("/diag/configuration").await?,
            Job::Configuration => self.json_in_lines("/config").await?,
            Job::Tasks => return self.profile("/debug/pprof/goroutine").await,
            Job::Heap => return self.profile("/debug/pprof/heap").await,
            Job::Metrics => self.mask.text(&self.bytes("/metrics").await?).into_bytes(),
            Job::Log => {
                let (container, pod) = (self.container.as_deref(), self.pod.as_deref());
                let command_line = match (container, pod) {
                    (None, None) => self.json("/diag/configuration").await?,
                    _ => Value::Null,
                };
                let source = Source::of(container, pod, &command_line, Path::exists)?;
                self.mask.text(&source.read().await?).into_bytes()
            }
            Job::TraceInWords => self.traces().await.in_words()?.into_bytes(),
            Job::Trace => {
                let hops = self.traces().await.json()?;
                self.in_lines(hops)?
            }
            Job::Prechecks => self.in_lines(self.prechecks().await?)?,
        };
        Ok(Outcome::Have(content))
    }

    /// The same look at the connector's edges as at a start.
    async fn prechecks(&self) -> anyhow::Result<Value> {
        if self.edges.is_empty() {
            bail!("the connector has no connection, so there is no edge to be tried");
        }
        let edges = self.edges.iter().copied().map(EdgeAddress::from).collect();
        let plan = PrecheckPlan {
            edges,
            ..self.prechecks.clone()
        };
        Ok(plan.run().await?.to_json())
    }

    /// Traced once, though both a text and hops are made of it.
    async fn traces(&mut self) -> &Traces {
        match self.traces.take() {
            Some(traces) => self.traces.insert(traces),
            None => {
                let traces = Traces::of(&self.edges).await;
                self.traces.insert(traces)
            }
        }
    }

    async fn bytes(&self, path: &str) -> anyhow::Result<Bytes> {
        let (status, body) = self.instance.get(path).await?;
        if status != StatusCode::OK {
            bail!("the connector answered with status {status}");
        }
        Ok(body)
    }

    async fn json(&self, path: &str) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.bytes(path).await?).context("the connector's answer is no JSON")
    }

    async fn json_in_lines(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.in_lines(self.json(path).await?)
    }

    /// Masked, and in lines.
    fn in_lines(&self, value: Value) -> anyhow::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(&self.mask.json(value))?;
        text.push(b'\n');
        Ok(text)
    }

    /// A profile of Go's runtime, which the stock client has and ours has not.
    async fn profile(&self, path: &str) -> anyhow::Result<Outcome> {
        let (status, body) = self.instance.get(path).await?;
        match status {
            StatusCode::OK => Ok(Outcome::Have(body.to_vec())),
            StatusCode::NOT_FOUND => Ok(Outcome::Absent("the connector has no such runtime".to_owned())),
            status => bail!("the connector answered with status {status}"),
        }
    }
}
