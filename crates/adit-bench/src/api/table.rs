//! The result: a line for each figure, with its target and whether it is met.

use std::fmt;

use super::Times;
use crate::figures::{Line, met, sum, table};

/// The most times that a list may cost what its SQL costs, at the median.
const MOST_TIMES: f64 = 3.0;

/// A call over HTTP, and for lists its SQL alone.
#[derive(Debug)]
pub(super) struct CallLine {
    name: &'static str,
    median_ms: f64,
    p99_ms: f64,
    most_ms: f64,
    /// The median of its SQL.
    bare_ms: Option<f64>,
}

impl CallLine {
    pub(super) fn new(name: &'static str, over_http: &Times, most_ms: f64, bare: Option<&Times>) -> Self {
        Self {
            name,
            median_ms: over_http.quantile_ms(0.5),
            p99_ms: over_http.quantile_ms(0.99),
            most_ms,
            bare_ms: bare.map(|bare| bare.quantile_ms(0.5)),
        }
    }

    fn times(&self) -> Option<f64> {
        self.bare_ms.map(|bare| self.median_ms / bare)
    }

    fn met(&self) -> bool {
        self.p99_ms <= self.most_ms && self.times().is_none_or(|times| times <= MOST_TIMES)
    }
}

impl fmt::Display for CallLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            median_ms,
            p99_ms,
            most_ms,
            ..
        } = self;
        write!(f, "| {name} | {median_ms:.2} | {p99_ms:.2} | {most_ms} | ")?;
        match (self.bare_ms, self.times()) {
            (Some(bare), Some(times)) => write!(f, "{bare:.2} | {times:.1} | {MOST_TIMES} | ")?,
            _ => f.write_str("| | | ")?,
        }
        write!(f, "{} |", met(self.met()))
    }
}

/// Two tables and a sum.
pub(super) fn of(calls: &[CallLine], lines: &[Line]) -> String {
    let mut text = "| call, ms | median | p99 | p99 ≤ | its SQL, median | times | times ≤ | |\n\
                    |---|---:|---:|---:|---:|---:|---:|---|\n"
        .to_owned();
    for call in calls {
        text.push_str(&format!("{call}\n"));
    }
    text.push('\n');
    text.push_str(&table(lines));
    text.push('\n');
    let targets = calls.iter().map(CallLine::met);
    text.push_str(&sum(targets.chain(lines.iter().filter_map(Line::met))));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn times(millis: &[u64]) -> Times {
        Times::sorted(millis.iter().copied().map(Duration::from_millis).collect())
    }

    #[test]
    fn a_line_says_both_targets_and_whether_they_are_met() {
        let fast = CallLine::new("list", &times(&[4, 5, 6]), 20.0, Some(&times(&[2, 2, 2])));
        assert_eq!(
            fast.to_string(),
            "| list | 5.00 | 6.00 | 20 | 2.00 | 2.5 | 3 | met |"
        );
        let against_its_sql = CallLine::new("list", &times(&[7, 7]), 20.0, Some(&times(&[2, 2])));
        assert!(against_its_sql.to_string().ends_with("| 3.5 | 3 | MISSED |"));
        let slow = CallLine::new("get", &times(&[1, 3]), 2.0, None);
        assert_eq!(slow.to_string(), "| get | 3.00 | 3.00 | 2 | | | | MISSED |");
        let lines = [
            Line::at_least("rate", &[1.0, 3.0, 2.0], Some(2.0)),
            Line::seen("other", &[1.0]),
        ];
        assert!(of(&[fast, slow], &lines).ends_with("2 of 3 lines with targets: met"));
    }
}
