//! Which log lines a connector is asked for.
//! Source: cloudflare/cloudflared: management/events.go (`StreamingFilters`).

use clap::Args;
use serde::Serialize;

use crate::failure::Failure;

const EVENTS: [&str; 4] = ["cloudflared", "http", "tcp", "udp"];
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

/// Flags that say which lines are wanted.
#[derive(Debug, Args)]
pub(super) struct Filters {
    /// Only lines of this kind: cloudflared, http, tcp or udp; repeatable
    #[arg(
        long,
        value_name = "EVENT",
        env = "TUNNEL_MANAGEMENT_FILTER_EVENTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    event: Vec<String>,
    /// Only lines of this level and above: debug, info, warn or error
    #[arg(
        long,
        value_name = "LEVEL",
        env = "TUNNEL_MANAGEMENT_FILTER_LEVEL",
        hide_env_values = true,
        default_value = "debug"
    )]
    level: String,
    /// Only this part of all lines, up to 1.0
    #[arg(
        long,
        value_name = "PART",
        env = "TUNNEL_MANAGEMENT_FILTER_SAMPLE",
        hide_env_values = true,
        default_value_t = 1.0
    )]
    sample: f64,
}

#[derive(Serialize)]
struct Start<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    filters: Wanted<'a>,
}

#[derive(Serialize)]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<&'a str>,
    level: &'a str,
    #[serde(skip_serializing_if = "is_all")]
    sampling: f64,
}

/// A connector that is told nothing of it sends all lines.
fn is_all(sampling: &f64) -> bool {
    *sampling >= 1.0
}

impl Filters {
    /// The message that asks for them.
    ///
    /// # Errors
    /// Says which flag makes no sense.
    pub(super) fn start_message(&self) -> Result<String, Failure> {
        let events: Vec<&str> = self
            .event
            .iter()
            .map(|event| event.trim())
            .filter(|event| !event.is_empty())
            .collect();
        if let Some(unknown) = events.iter().find(|event| !EVENTS.contains(event)) {
            let sentence = format!("--event {unknown:?} is none of {}", EVENTS.join(", "));
            return Err(Failure::usage(sentence));
        }
        if !LEVELS.contains(&self.level.as_str()) {
            let sentence = format!("--level {:?} is none of {}", self.level, LEVELS.join(", "));
            return Err(Failure::usage(sentence));
        }
        if !(self.sample > 0.0 && self.sample <= 1.0) {
            return Err(Failure::usage("--sample must be above 0.0 and not above 1.0"));
        }
        let start = Start {
            kind: "start_streaming",
            filters: Wanted {
                events,
                level: &self.level,
                sampling: self.sample,
            },
        };
        serde_json::to_string(&start).map_err(Failure::failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(event: &[&str], level: &str, sample: f64) -> Filters {
        Filters {
            event: event.iter().copied().map(str::to_owned).collect(),
            level: level.to_owned(),
            sample,
        }
    }

    #[test]
    fn what_is_wanted_is_said_as_connectors_read_it() {
        assert_eq!(
            filters(&[], "debug", 1.0).start_message().unwrap(),
            r#"{"type":"start_streaming","filters":{"level":"debug"}}"#
        );
        assert_eq!(
            filters(&["http", "tcp"], "warn", 0.5).start_message().unwrap(),
            r#"{"type":"start_streaming","filters":{"events":["http","tcp"],"level":"warn","sampling":0.5}}"#
        );
    }

    #[test]
    fn what_no_connector_knows_is_refused() {
        for bad in [
            filters(&["dns"], "debug", 1.0),
            filters(&[], "fatal", 1.0),
            filters(&[], "debug", 1.5),
            filters(&[], "debug", 0.0),
            filters(&[], "debug", f64::NAN),
        ] {
            assert!(bad.start_message().is_err(), "{bad:?}");
        }
    }
}
