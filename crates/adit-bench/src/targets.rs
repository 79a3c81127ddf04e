//! What our tunnel's figures are held against: other programs in the same rounds, and its own processor time.

use crate::{
    figures::{self, Line},
    modes::{Kind, Mode},
    rounds::{Cost, Sample},
};

/// Ratios to another mode: its name, what is compared, and the least that is wanted.
type Wanted = (&'static str, Kind, fn(&Sample) -> f64, f64);

const RATIOS: [Wanted; 6] = [
    (
        "requests/s, ratio to two HAProxy hops",
        Kind::Haproxy,
        |sample| sample.requests_per_second,
        0.7,
    ),
    (
        "requests/s, ratio to rathole",
        Kind::Rathole,
        |sample| sample.requests_per_second,
        0.6,
    ),
    (
        "requests/s, ratio to stock over QUIC",
        Kind::StockQuic,
        |sample| sample.requests_per_second,
        1.8,
    ),
    (
        "new connections/s, ratio to rathole",
        Kind::Rathole,
        |sample| sample.connects_per_second,
        2.0,
    ),
    (
        "bulk down, ratio to rathole",
        Kind::Rathole,
        |sample| sample.down_mb_per_second,
        1.1,
    ),
    (
        "bulk up, ratio to rathole",
        Kind::Rathole,
        |sample| sample.up_mb_per_second,
        1.1,
    ),
];

/// Processor time of a request in each hop, µs.
const MOST_MICROS: f64 = 35.0;

/// The targets as a table; empty if our own mode was not measured.
pub(crate) fn table(modes: &[Mode]) -> String {
    let samples = |wanted: Kind| {
        modes
            .iter()
            .find(|mode| mode.kind == wanted)
            .map(|mode| mode.samples.as_slice())
    };
    let Some(ours) = samples(Kind::Adit) else {
        return String::new();
    };
    let mut lines = Vec::new();
    for (name, other, value, least) in RATIOS {
        let Some(theirs) = samples(other) else { continue };
        lines.push(Line::at_least(name, &ratios(ours, theirs, value), Some(least)));
    }
    let micros = |of: fn(&Sample) -> Option<Cost>| -> Vec<f64> {
        let costs = ours.iter().filter_map(of);
        costs.map(|cost| cost.micros_per_request).collect()
    };
    lines.push(Line::median_at_most(
        "CPU of a request in the edge, µs",
        &micros(|sample| sample.edge),
        MOST_MICROS,
    ));
    lines.push(Line::median_at_most(
        "CPU of a request in the connector, µs",
        &micros(|sample| sample.connector),
        MOST_MICROS,
    ));
    let sum = figures::sum(lines.iter().filter_map(Line::met));
    format!("{}\n{sum}\n", figures::table(&lines))
}

/// Round by round: what else the machine did met both alike.
fn ratios(ours: &[Sample], theirs: &[Sample], value: fn(&Sample) -> f64) -> Vec<f64> {
    ours.iter()
        .zip(theirs)
        .map(|(ours, theirs)| value(ours) / value(theirs))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests_per_second: f64) -> Sample {
        Sample {
            requests_per_second,
            median_ms: 1.0,
            p99_ms: 2.0,
            connects_per_second: 10.0,
            down_mb_per_second: 100.0,
            up_mb_per_second: 50.0,
            edge: None,
            connector: None,
        }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let (ours, theirs) = ([sample(10.0), sample(40.0)], [sample(20.0), sample(20.0)]);
        assert_eq!(
            ratios(&ours, &theirs, |sample| sample.requests_per_second),
            [0.5, 2.0]
        );
    }
}
