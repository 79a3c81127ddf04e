//! The way to the edge: the first hops, as `traceroute` sees them.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::bail;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::logs::output_of;

/// How long a hop may take, in seconds, and how many are looked at.
const PATIENCE_SECONDS: &str = "5";
const HOPS: &str = "5";
/// Edges that are traced at most.
const MAX_EDGES: usize = 4;
/// Far above five lines.
const MAX_BYTES: u64 = 64 * 1024;
const PORT: u16 = 7844;

/// One router on the way.
#[derive(Debug, PartialEq, Serialize)]
struct Hop {
    hop: u8,
    /// Its name and address, or `*` if it does not answer.
    domain: String,
    /// Round trips in microseconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rtts: Vec<u64>,
}

/// Ways to several edges: each with what `traceroute` printed.
pub(super) struct Traces(Vec<(String, anyhow::Result<String>)>);

/// The edges that a connector is connected to, out of what it says of its tunnel.
pub(super) fn edges(tunnel_state: &Value) -> Vec<SocketAddr> {
    let connections = tunnel_state.get("connections").and_then(Value::as_array);
    let mut edges: Vec<SocketAddr> = connections
        .into_iter()
        .flatten()
        .filter_map(|connection| connection.get("edgeAddress")?.as_str())
        .filter_map(|text| {
            let whole = text.parse::<SocketAddr>().ok();
            whole.or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT)))
        })
        .collect();
    edges.sort();
    edges.dedup();
    edges.truncate(MAX_EDGES);
    edges
}

impl Traces {
    /// Traces the ways to these edges, side by side.
    pub(super) async fn of(edges: &[SocketAddr]) -> Self {
        let traces = edges.iter().map(|edge| async move {
            let (program, family) = match edge.ip() {
                IpAddr::V4(_) => ("traceroute", "v4"),
                IpAddr::V6(_) => ("traceroute6", "v6"),
            };
            let address = edge.ip().to_string();
            let words = [program, "-I", "-w", PATIENCE_SECONDS, "-m", HOPS, &address].map(str::to_owned);
            let printed = output_of(&words, MAX_BYTES).await;
            let printed = printed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            (format!("{address}-{family}"), printed)
        });
        Self(join_all(traces).await)
    }

    /// What was printed.
    ///
    /// # Errors
    /// If nothing could be traced.
    pub(super) fn in_words(&self) -> anyhow::Result<String> {
        self.check()?;
        let texts = self.0.iter().map(|(name, printed)| match printed {
            Ok(text) => format!("{name}\n{text}\n"),
            Err(_) => format!("{name}\nno content\n"),
        });
        Ok(texts.collect())
    }

    /// The hops of each.
    ///
    /// # Errors
    /// If nothing could be traced.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        self.check()?;
        let hops = |printed: &anyhow::Result<String>| match printed {
            Ok(text) => json!(text.lines().filter_map(hop).collect::<Vec<_>>()),
            Err(_) => Value::Null,
        };
        let named: Map<String, Value> = self
            .0
            .iter()
            .map(|(name, printed)| (name.clone(), hops(printed)))
            .collect();
        Ok(Value::Object(named))
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.0.is_empty() {
            bail!("the connector has no connection, so there is no edge to be traced");
        }
        let mut errors = self.0.iter().map(|(_, printed)| printed.as_ref().err());
        match errors.next().flatten() {
            Some(error) if errors.all(|error| error.is_some()) => bail!("{error:#}"),
            _ => Ok(()),
        }
    }
}

/// A line such as ` 1  router (10.0.0.1)  0.1 ms  0.2 ms *`. The head is no hop.
fn hop(line: &str) -> Option<Hop> {
    let mut words = line
        .split_whitespace()
        .filter(|word| *word != "ms" && *word != "*");
    let hop = words.next()?.parse().ok()?;
    let (mut domain, mut rtts) = (Vec::new(), Vec::new());
    for word in words {
        match word.parse::<f64>() {
            Ok(milliseconds) if (0.0..1e9).contains(&milliseconds) => {
                rtts.push(Duration::from_secs_f64(milliseconds / 1e3));
            }
            _ => domain.push(word),
        }
    }
    let rtts = rtts
        .iter()
        .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX));
    Some(Hop {
        hop,
        domain: if domain.is_empty() {
            "*".to_owned()
        } else {
            domain.join(" ")
        },
        rtts: rtts.collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hops_are_read_from_what_traceroute_prints() {
        let hop_of = |hop, domain: &str, rtts: &[u64]| {
            Some(Hop {
                hop,
                domain: domain.to_owned(),
                rtts: rtts.to_vec(),
            })
        };
        assert_eq!(hop("traceroute to 10.0.0.9 (10.0.0.9), 5 hops max"), None);
        assert_eq!(
            hop(" 1  router (10.0.0.1)  0.100 ms  0.2 ms *"),
            hop_of(1, "router (10.0.0.1)", &[100, 200])
        );
        assert_eq!(hop(" 2  * * *"), hop_of(2, "*", &[]));
    }

    #[test]
    fn edges_are_those_of_the_connections_and_each_once() {
        let state = json!({"connections": [
            {"edgeAddress": "127.0.0.1:7844"}, {"edgeAddress": "127.0.0.1"}, {"edgeAddress": "2001:db8::1"}, {"index": 1},
            {"edgeAddress": "nonsense"},
        ]});
        let edges: Vec<_> = edges(&state).iter().map(ToString::to_string).collect();
        assert_eq!(edges, ["127.0.0.1:7844", "[2001:db8::1]:7844"]);
    }

    proptest! {
        #[test]
        fn no_line_panics(line: String, numbers in "[0-9.e* ]{0,30}") {
            let _ = (hop(&line), hop(&numbers));
        }
    }
}
