//! Figures that are held against a target.

use std::{borrow::Cow, fmt};

/// A figure with its target and whether that is met.
#[derive(Debug)]
pub(crate) struct Line {
    name: Cow<'static, str>,
    figure: String,
    target: String,
    /// `None` where nothing is demanded.
    met: Option<bool>,
}

impl Line {
    /// One figure with an upper bound.
    pub(crate) fn at_most(name: impl Into<Cow<'static, str>>, value: f64, most: f64) -> Self {
        Self {
            name: name.into(),
            figure: format!("{value:.2}"),
            target: format!("≤ {most}"),
            met: Some(value <= most),
        }
    }

    /// The median of some rounds with a lower bound.
    pub(crate) fn at_least(name: impl Into<Cow<'static, str>>, rounds: &[f64], least: Option<f64>) -> Self {
        let (figure, median) = spread(rounds);
        Self {
            name: name.into(),
            figure,
            target: least.map_or_else(String::new, |least| format!("≥ {least}")),
            met: least.map(|least| median >= least),
        }
    }

    /// The median of some rounds with an upper bound.
    pub(crate) fn median_at_most(name: impl Into<Cow<'static, str>>, rounds: &[f64], most: f64) -> Self {
        let (figure, median) = spread(rounds);
        Self {
            name: name.into(),
            figure,
            target: format!("≤ {most}"),
            met: Some(median <= most),
        }
    }

    /// What was counted, without a target.
    pub(crate) fn seen(name: impl Into<Cow<'static, str>>, rounds: &[f64]) -> Self {
        Self::at_least(name, rounds, None)
    }

    /// Whether the target is met, if there is one.
    pub(crate) const fn met(&self) -> Option<bool> {
        self.met
    }
}

/// The median with lowest and highest, and the median alone.
pub(crate) fn spread(rounds: &[f64]) -> (String, f64) {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |at: usize| sorted.get(at).copied().unwrap_or_default();
    let (low, median, high) = (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)));
    let digits = if median < 10.0 { 2 } else { 0 };
    (
        format!("{median:.digits$} [{low:.digits$}, {high:.digits$}]"),
        median,
    )
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = self.met.map_or("", met);
        write!(f, "| {} | {} | {} | {met} |", self.name, self.figure, self.target)
    }
}

/// How a table says it.
pub(crate) const fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// A table of them.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text =
        String::from("| figure, median [lowest, highest] of rounds | | target | |\n|---|---:|---:|---|\n");
    for line in lines {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// How many of the targets are met.
pub(crate) fn sum(targets: impl Iterator<Item = bool>) -> String {
    let targets: Vec<bool> = targets.collect();
    let kept = targets.iter().filter(|met| **met).count();
    format!("{kept} of {} lines with targets: met", targets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_target_and_whether_it_is_met() {
        let lines = [
            Line::at_least("rate", &[1.0, 3.0, 2.0], Some(2.0)),
            Line::at_most("share", 2.0, 1.5),
            Line::median_at_most("memory", &[1.0, 30.0, 20.0], 20.0),
            Line::seen("other", &[1.0]),
        ];
        let text = table(&lines);
        for line in [
            "| rate | 2.00 [1.00, 3.00] | ≥ 2 | met |",
            "| share | 2.00 | ≤ 1.5 | MISSED |",
            "| memory | 20 [1, 30] | ≤ 20 | met |",
            "| other | 1.00 [1.00, 1.00] |  |  |",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(
            sum(lines.iter().filter_map(Line::met)),
            "2 of 3 lines with targets: met"
        );
    }
}
