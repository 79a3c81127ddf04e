//! The result: a line for each figure, with its target and whether it is met.

use std::fmt;

use super::Times;

/// A figure.
#[derive(Debug)]
pub(super) struct Line {
    name: &'static str,
    figure: String,
    target: String,
    /// `None` where nothing is demanded.
    met: Option<bool>,
}

impl Line {
    /// One figure with an upper bound.
    pub(super) fn at_most(name: &'static str, value: f64, most: f64) -> Self {
        Self {
            name,
            figure: format!("{value:.2}"),
            target: format!("≤ {most}"),
            met: Some(value <= most),
        }
    }

    /// The median of some rounds with a lower bound.
    pub(super) fn at_least(name: &'static str, rounds: &[f64], least: Option<f64>) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let (low, high) = (
            sorted.first().copied().unwrap_or_default(),
            sorted.last().copied().unwrap_or_default(),
        );
        let digits = if median < 10.0 { 2 } else { 0 };
        Self {
            name,
            figure: format!("{median:.digits$} [{low:.digits$}, {high:.digits$}]"),
            target: least.map_or_else(String::new, |least| format!("≥ {least}")),
            met: least.map(|least| median >= least),
        }
    }

    /// A call over HTTP, beside the same without.
    pub(super) fn call(
        name: &'static str,
        over_http: &Times,
        without: &Times,
        most_ms: f64,
        ratio: Option<f64>,
        most_ratio: f64,
    ) -> Self {
        let times = |times: &Times| {
            let [low, median, p99] = [0.0, 0.5, 0.99].map(|share| times.quantile_ms(share));
            format!("{median:.2} [{low:.2}, {p99:.2}]")
        };
        let ratio_met = ratio.is_none_or(|ratio| ratio <= most_ratio);
        let compared = ratio.map_or_else(String::new, |ratio| {
            format!("; without HTTP {}: {ratio:.1} times", times(without))
        });
        Self {
            name,
            figure: format!("{} ms{compared}", times(over_http)),
            target: ratio.map_or_else(
                || format!("≤ {most_ms} ms"),
                |_| format!("≤ {most_ms} ms, ≤ {most_ratio} times"),
            ),
            met: Some(over_http.quantile_ms(0.99) <= most_ms && ratio_met),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = match self.met {
            Some(true) => "pass",
            Some(false) => "MISS",
            None => "",
        };
        write!(f, "| {} | {} | {} | {met} |", self.name, self.figure, self.target)
    }
}

/// All of them as a table.
pub(super) fn of(lines: &[Line]) -> String {
    let mut text = "| figure: median [lowest, p99] of calls, median [lowest, highest] of rounds | | target | |\n|---|---|---|---|".to_owned();
    for line in lines {
        text.push('\n');
        text.push_str(&line.to_string());
    }
    text
}
