//! Gaps of many runs, held against what they may be.

use std::{fmt, time::Duration};

use adit_testing::mesh::Outcome;

use crate::figures::met;

/// What a gap may be at most, ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) median: u64,
    pub(super) p95: u64,
    pub(super) max: u64,
}

/// Median, 95th percentile and longest of some gaps, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) median: u64,
    pub(super) p95: u64,
    pub(super) max: u64,
}

impl Spread {
    /// `None` of nothing. A percentile is the least value that so many of a hundred do not exceed.
    pub(super) fn of(gaps: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut all: Vec<u64> = gaps.into_iter().map(millis).collect();
        all.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (all.len() * percent).div_ceil(100).saturating_sub(1);
            all.get(rank).copied()
        };
        Some(Self {
            median: percentile(50)?,
            p95: percentile(95)?,
            max: *all.last()?,
        })
    }

    const fn is_within(self, most: Most) -> bool {
        self.median <= most.median && self.p95 <= most.p95 && self.max <= most.max
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.median, self.p95, self.max)
    }
}

/// What all runs of one kind of failure came to.
#[derive(Debug)]
pub(super) struct Gaps {
    pub(super) name: &'static str,
    runs: u32,
    done: usize,
    pub(super) gap: Option<Spread>,
    stall: Option<Spread>,
    /// By the edge's own clock.
    told: Option<Spread>,
    broken: usize,
    most_active: usize,
    most: Most,
}

impl Gaps {
    pub(super) fn of(name: &'static str, most: Most, runs: u32, outcomes: &[Outcome]) -> Self {
        // A server that is restarted is judged by what comes on top.
        let beyond = |outcome: &Outcome| outcome.gap().saturating_sub(outcome.restart.unwrap_or_default());
        let stall = |outcome: &Outcome| outcome.stalls[0].max(outcome.stalls[1]);
        Self {
            name,
            runs,
            done: outcomes.len(),
            gap: Spread::of(outcomes.iter().map(beyond)),
            stall: Spread::of(outcomes.iter().map(stall)),
            told: Spread::of(outcomes.iter().filter_map(|outcome| outcome.told)),
            broken: outcomes.iter().map(|outcome| outcome.broken.len()).sum(),
            most_active: outcomes
                .iter()
                .map(|outcome| outcome.most_active)
                .max()
                .unwrap_or_default(),
            most,
        }
    }

    /// Whether every run was carried through within the limits, broke no connection and showed one active replica.
    pub(super) fn met(&self) -> bool {
        let all_done = self.done == usize::try_from(self.runs).unwrap_or(usize::MAX);
        let in_time = self.gap.is_some_and(|gap| gap.is_within(self.most));
        all_done && in_time && self.broken == 0 && self.most_active <= 1
    }
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |spread: Option<Spread>| spread.map_or_else(|| "- | - | -".to_owned(), |of| of.to_string());
        let median =
            |spread: Option<Spread>| spread.map_or_else(|| "-".to_owned(), |of| of.median.to_string());
        let Most { median: m, p95, max } = self.most;
        write!(
            f,
            "| {} | {}/{} | {} | {} | {} | {} | {} | {m} / {p95} / {max} | {} |",
            self.name,
            self.done,
            self.runs,
            shown(self.gap),
            median(self.told),
            self.stall
                .map_or_else(|| "-".to_owned(), |stall| stall.max.to_string()),
            self.broken,
            self.most_active,
            met(self.met())
        )
    }
}

/// All of them.
pub(super) fn table(rows: &[Gaps]) -> String {
    let mut text = String::from(
        "| event, gap in ms | runs | median | p95 | max | edge's median | longest TCP stall | TCP broken | most active | at most | |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for row in rows {
        text.push_str(&format!("{row}\n"));
    }
    text
}

/// Whole milliseconds, rounded up.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(gap: u64, broken: &[&str]) -> Outcome {
        Outcome {
            victim: 0,
            gaps: [Duration::from_millis(gap), Duration::ZERO],
            stalls: [Duration::ZERO; 2],
            broken: broken.iter().map(|text| (*text).to_owned()).collect(),
            polls: 10,
            most_active: 1,
            told: None,
            restart: None,
        }
    }

    const MOST: Most = Most {
        median: 10,
        p95: 20,
        max: 30,
    };

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let gaps = (1..=20).map(Duration::from_millis);
        let spread = Spread {
            median: 10,
            p95: 19,
            max: 20,
        };
        assert_eq!(Spread::of(gaps), Some(spread));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_row_is_met_if_all_runs_were_done_in_time_and_broke_nothing() {
        let met = |runs, outcomes: &[Outcome]| Gaps::of("it", MOST, runs, outcomes).met();
        assert!(met(2, &[outcome(10, &[]), outcome(20, &[])]));
        assert!(!met(3, &[outcome(10, &[]), outcome(20, &[])]), "a run is missing");
        assert!(!met(1, &[outcome(11, &[])]), "the median is over its limit");
        assert!(!met(1, &[outcome(1, &["reset"])]), "a connection broke");
        assert!(!met(0, &[]));
    }

    #[test]
    fn a_table_says_what_was_missed() {
        let text = table(&[Gaps::of("crash", MOST, 1, &[outcome(25, &[])])]);
        assert!(
            text.contains("| crash | 1/1 | 25 | 25 | 25 | - | 0 | 0 | 1 | 10 / 20 / 30 | MISSED |"),
            "{text}"
        );
    }
}
