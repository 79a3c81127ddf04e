//! What was measured, and what is wanted of it.

use std::fmt::Write;

use super::{Measured, turn::Seen};
use crate::figures::{self, Line, spread};

type Value = fn(&Seen) -> f64;

const COLUMNS: [(&str, Value); 10] = [
    ("requests/s", |seen| seen.requests.per_second),
    ("requests/CPU s", |seen| seen.requests.per_cpu_second),
    ("MB/s down", |seen| seen.down.per_second),
    ("MB/CPU s down", |seen| seen.down.per_cpu_second),
    ("MB/s up", |seen| seen.up.per_second),
    ("MB/CPU s up", |seen| seen.up.per_cpu_second),
    ("RssAnon idle", |seen| seen.idle.rss_anon),
    ("VmRSS idle", |seen| seen.idle.rss),
    ("RssAnon, streams", |seen| seen.streaming.rss_anon),
    ("VmRSS, streams", |seen| seen.streaming.rss),
];

/// What of them is held against the stock connector's over the same transport.
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

const WANTED: [(&str, Value, Wanted); 9] = [
    (
        "requests per CPU second",
        |seen| seen.requests.per_cpu_second,
        Wanted::AtLeast(2.5),
    ),
    ("RssAnon, idle", |seen| seen.idle.rss_anon, Wanted::AtMost(THIRD)),
    ("VmRSS, idle", |seen| seen.idle.rss, Wanted::AtMost(0.5)),
    (
        "RssAnon, 1,000 streams",
        |seen| seen.streaming.rss_anon,
        Wanted::AtMost(THIRD),
    ),
    (
        "VmRSS, 1,000 streams",
        |seen| seen.streaming.rss,
        Wanted::AtMost(0.5),
    ),
    (
        "bulk down, MB/s",
        |seen| seen.down.per_second,
        Wanted::AtLeast(1.2),
    ),
    (
        "bulk down, bytes per CPU second",
        |seen| seen.down.per_cpu_second,
        Wanted::AtLeast(1.6),
    ),
    ("bulk up, MB/s", |seen| seen.up.per_second, Wanted::AtLeast(1.2)),
    (
        "bulk up, bytes per CPU second",
        |seen| seen.up.per_cpu_second,
        Wanted::AtLeast(1.6),
    ),
];

/// A third, as a table shows it.
const THIRD: f64 = 0.333;
/// From the start to the first connection, the slowest but one in twenty, ms.
const MOST_START_MS: f64 = 100.0;

/// The tables.
pub(super) fn of(measured: &[Measured]) -> String {
    let mut text = String::from(
        "Median over the rounds [lowest, highest]; memory in MiB, of the connector; start until the first registered \
         connection.\n\n",
    );
    let titles: Vec<&str> = COLUMNS.iter().map(|(title, _)| *title).collect();
    let _ = writeln!(
        text,
        "| connector | {} | start, median ms | start, p95 ms |\n|---|{}",
        titles.join(" | "),
        "---:|".repeat(COLUMNS.len() + 2)
    );
    for of in measured {
        let cells = COLUMNS.iter().map(|(_, value)| spread(&all(of, *value)).0);
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.0} |",
            of.who.name,
            cells.join(" | "),
            quantile(&of.starts, 0.5),
            quantile(&of.starts, 0.95)
        );
    }
    let lines = lines(measured);
    let sum = figures::sum(lines.iter().filter_map(Line::met));
    format!("{text}\n{}\n{sum}", figures::table(&lines))
}

fn lines(measured: &[Measured]) -> Vec<Line> {
    let mut lines = Vec::new();
    for ours in measured.iter().filter(|of| !of.who.is_stock) {
        let over = ours.who.over;
        let theirs = measured.iter().find(|of| of.who.is_stock && of.who.over == over);
        for (name, value, wanted) in &WANTED {
            let theirs = theirs.map(|theirs| all(theirs, *value)).unwrap_or_default();
            // Round by round: what else the machine did met both alike.
            let ratios: Vec<f64> = all(ours, *value)
                .iter()
                .zip(theirs)
                .map(|(ours, theirs)| ours / theirs)
                .collect();
            let name = format!("{over}: {name}, ratio to stock");
            lines.push(match wanted {
                Wanted::AtLeast(least) => Line::at_least(name, &ratios, Some(*least)),
                Wanted::AtMost(most) => Line::median_at_most(name, &ratios, *most),
            });
        }
        let name = format!("{over}: start until the first connection, p95, ms");
        lines.push(Line::at_most(name, quantile(&ours.starts, 0.95), MOST_START_MS));
    }
    lines
}

fn all(of: &Measured, value: Value) -> Vec<f64> {
    of.rounds.iter().map(value).collect()
}

/// The lowest value that so many of them do not exceed.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            WAYS,
            turn::{Memory, Rate},
        },
        *,
    };

    fn seen(requests: f64, memory: f64) -> Seen {
        let rate = |per_second| Rate {
            per_second,
            per_cpu_second: per_second * 2.0,
        };
        let memory = Memory {
            rss_anon: memory,
            rss: memory * 2.0,
        };
        Seen {
            idle: memory,
            streaming: memory,
            requests: rate(requests),
            down: rate(100.0),
            up: rate(100.0),
        }
    }

    #[test]
    fn one_in_twenty_may_be_slower_than_p95() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.95), 19.0);
        assert_eq!(quantile(&values, 0.5), 10.0);
        assert_eq!(quantile(&[], 0.95), 0.0);
    }

    #[test]
    fn ours_is_held_against_the_stock_one_of_the_same_round_and_transport() {
        let measured = WAYS.map(|who| Measured {
            who,
            starts: vec![80.0; 20],
            rounds: match who.is_stock {
                false => vec![seen(300.0, 5.0), seen(30.0, 5.0)],
                true => vec![seen(100.0, 20.0), seen(10.0, 20.0)],
            },
        });
        let text = of(&measured);
        for line in [
            "| quic: requests per CPU second, ratio to stock | 3.00 [3.00, 3.00] | ≥ 2.5 | met |",
            "| http2: RssAnon, idle, ratio to stock | 0.25 [0.25, 0.25] | ≤ 0.333 | met |",
            "| http2: bulk up, MB/s, ratio to stock | 1.00 [1.00, 1.00] | ≥ 1.2 | MISSED |",
            "| quic: start until the first connection, p95, ms | 80.00 | ≤ 100 | met |",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
