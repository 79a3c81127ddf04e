//! Where the process counts what it does.

use std::time::Duration;

use adit_connector::HISTOGRAMS;
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of durations, seconds.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// How often old samples are folded together.
const UPKEEP: Duration = Duration::from_secs(5);

/// Where counted things are kept from now on.
///
/// # Errors
/// If the process counts elsewhere already.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let seconds = (Matcher::Suffix("_seconds".to_owned()), &SECONDS[..]);
    let named = HISTOGRAMS.map(|(name, bounds)| (Matcher::Full(name.to_owned()), bounds));
    let mut all = std::iter::once(seconds).chain(named);
    all.try_fold(PrometheusBuilder::new(), |builder, (matcher, bounds)| {
        builder.set_buckets_for_metric(matcher, bounds)
    })
    .and_then(PrometheusBuilder::install_recorder)
    .context("cannot count metrics")
}

/// Folds old samples together, so that memory stays bounded without a scraper. Never ends.
pub(crate) async fn keep_up(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}
