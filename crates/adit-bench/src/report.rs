//! Medians with their ranges, as tables.

use std::fmt::Write;

use crate::{
    modes::{Kind, Mode},
    rounds::{Cost, Sample},
};

/// A column: its title, what it shows of a sample, and how many decimals that needs.
struct Column {
    title: &'static str,
    decimals: usize,
    value: fn(&Sample) -> Option<f64>,
}

const SPEED: [Column; 6] = [
    Column {
        title: "requests/s",
        decimals: 0,
        value: |sample| Some(sample.requests_per_second),
    },
    Column {
        title: "median ms",
        decimals: 2,
        value: |sample| Some(sample.median_ms),
    },
    Column {
        title: "p99 ms",
        decimals: 2,
        value: |sample| Some(sample.p99_ms),
    },
    Column {
        title: "new conn./s",
        decimals: 0,
        value: |sample| Some(sample.connects_per_second),
    },
    Column {
        title: "MB/s down",
        decimals: 0,
        value: |sample| Some(sample.down_mb_per_second),
    },
    Column {
        title: "MB/s up",
        decimals: 0,
        value: |sample| Some(sample.up_mb_per_second),
    },
];

const EDGE_COST: [Column; 5] = cost_columns([
    |sample| of(sample.edge, |cost| cost.micros_per_request),
    |sample| of(sample.edge, |cost| cost.micros_per_connect),
    |sample| of(sample.edge, |cost| cost.seconds_per_gb_down),
    |sample| of(sample.edge, |cost| cost.seconds_per_gb_up),
    |sample| of(sample.edge, |cost| cost.rss_anon_mib),
]);

const CONNECTOR_COST: [Column; 5] = cost_columns([
    |sample| of(sample.connector, |cost| cost.micros_per_request),
    |sample| of(sample.connector, |cost| cost.micros_per_connect),
    |sample| of(sample.connector, |cost| cost.seconds_per_gb_down),
    |sample| of(sample.connector, |cost| cost.seconds_per_gb_up),
    |sample| of(sample.connector, |cost| cost.rss_anon_mib),
]);

const fn cost_columns(values: [fn(&Sample) -> Option<f64>; 5]) -> [Column; 5] {
    let [request, connect, down, up, memory] = values;
    [
        Column {
            title: "CPU µs/request",
            decimals: 1,
            value: request,
        },
        Column {
            title: "CPU µs/new conn.",
            decimals: 1,
            value: connect,
        },
        Column {
            title: "CPU s/GB down",
            decimals: 2,
            value: down,
        },
        Column {
            title: "CPU s/GB up",
            decimals: 2,
            value: up,
        },
        Column {
            title: "RssAnon MiB",
            decimals: 1,
            value: memory,
        },
    ]
}

fn of(cost: Option<Cost>, value: fn(Cost) -> f64) -> Option<f64> {
    cost.map(value)
}

/// What was measured of all modes.
pub(crate) fn tables(modes: &[Mode]) -> String {
    let rows: Vec<Row<'_>> = modes
        .iter()
        .map(|mode| (mode.kind, mode.samples.as_slice()))
        .collect();
    let mut text = String::from("Median over the rounds [lowest, highest].\n\n");
    table(&mut text, "speed", &SPEED, &rows);
    table(
        &mut text,
        "edge (the hop that the client meets)",
        &EDGE_COST,
        &rows,
    );
    table(
        &mut text,
        "connector (the hop that the origin meets)",
        &CONNECTOR_COST,
        &rows,
    );
    for base in [Kind::Direct, Kind::Haproxy, Kind::Rathole, Kind::StockQuic] {
        ratios(&mut text, base, &rows);
    }
    text
}

type Row<'a> = (Kind, &'a [Sample]);

fn table(text: &mut String, title: &str, columns: &[Column], rows: &[Row<'_>]) {
    let titles = columns
        .iter()
        .map(|column| column.title)
        .collect::<Vec<_>>()
        .join(" | ");
    let _ = writeln!(
        text,
        "| {title} | {titles} |\n|---|{}",
        "---:|".repeat(columns.len())
    );
    for (kind, samples) in rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(column, samples)).collect();
        if cells.iter().any(|cell| cell != "-") {
            let _ = writeln!(text, "| {} | {} |", kind.name(), cells.join(" | "));
        }
    }
    text.push('\n');
}

fn cell(column: &Column, samples: &[Sample]) -> String {
    let Some(Spread {
        median,
        lowest,
        highest,
    }) = Spread::of(samples.iter().filter_map(column.value))
    else {
        return "-".to_owned();
    };
    let decimals = column.decimals;
    format!("{median:.decimals$} [{lowest:.decimals$}, {highest:.decimals$}]")
}

/// How the modes compare with one of them: quotients of medians.
fn ratios(text: &mut String, base: Kind, rows: &[Row<'_>]) {
    let Some((_, base_samples)) = rows.iter().find(|(kind, _)| *kind == base) else {
        return;
    };
    let titles = SPEED
        .iter()
        .map(|column| column.title)
        .collect::<Vec<_>>()
        .join(" | ");
    let _ = writeln!(
        text,
        "| ratio to {} | {titles} |\n|---|{}",
        base.name(),
        "---:|".repeat(SPEED.len())
    );
    for (kind, samples) in rows.iter().filter(|(kind, _)| *kind != base) {
        let cells = SPEED.iter().map(|column| {
            let median =
                |samples: &[Sample]| Spread::of(samples.iter().filter_map(column.value)).map(|of| of.median);
            match (median(samples), median(base_samples)) {
                (Some(value), Some(base)) if base > 0.0 => format!("{:.2}", value / base),
                _ => "-".to_owned(),
            }
        });
        let _ = writeln!(
            text,
            "| {} | {} |",
            kind.name(),
            cells.collect::<Vec<_>>().join(" | ")
        );
    }
    text.push('\n');
}

#[derive(Debug, PartialEq)]
struct Spread {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// `None` of nothing.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = if values.len().is_multiple_of(2) {
            *values.get(middle - 1)?
        } else {
            upper
        };
        Some(Self {
            median: f64::midpoint(lower, upper),
            lowest,
            highest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests_per_second: f64, edge: Option<Cost>) -> Sample {
        Sample {
            requests_per_second,
            median_ms: 1.0,
            p99_ms: 2.0,
            connects_per_second: 10.0,
            down_mb_per_second: 100.0,
            up_mb_per_second: 50.0,
            edge,
            connector: None,
        }
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread {
            median: 2.5,
            lowest: 1.0,
            highest: 4.0,
        };
        assert_eq!(Spread::of([4.0, 1.0, 3.0, 2.0].into_iter()), Some(spread));
        assert_eq!(Spread::of([].into_iter()), None);
    }

    #[test]
    fn tables_show_medians_ranges_and_ratios() {
        let cost = Cost {
            micros_per_request: 36.0,
            micros_per_connect: 90.0,
            seconds_per_gb_down: 2.0,
            seconds_per_gb_up: 1.0,
            rss_anon_mib: 12.0,
        };
        let direct = [sample(100.0, None), sample(300.0, None), sample(200.0, None)];
        let adit = [sample(50.0, Some(cost))];
        let rows: [Row<'_>; 2] = [(Kind::Direct, &direct), (Kind::Adit, &adit)];
        let mut text = String::new();
        table(&mut text, "speed", &SPEED, &rows);
        table(&mut text, "edge", &EDGE_COST, &rows);
        ratios(&mut text, Kind::Direct, &rows);

        assert!(
            text.contains("| direct | 200 [100, 300] | 1.00 [1.00, 1.00] |"),
            "{text}"
        );
        assert!(
            text.contains("| adit | 36.0 [36.0, 36.0] | 90.0 [90.0, 90.0] | 2.00 [2.00, 2.00] |"),
            "{text}"
        );
        assert!(
            text.contains("| adit | 0.25 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |"),
            "{text}"
        );
        assert_eq!(
            text.matches("| direct |").count(),
            1,
            "no row without figures: {text}"
        );
    }
}
