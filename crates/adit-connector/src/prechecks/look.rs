//! The looks themselves.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Prechecks;
use super::report::{Component, PrecheckReport, Row, Status};
use crate::dial::{Dialers, PROBE_LIMIT};
use crate::{EdgeAddress, Protocol, ProtocolChoice};

/// All of it is over by then.
const LIMIT: Duration = Duration::from_secs(10);
/// What failed is tried again after these.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// Edges that are looked at.
const MAX_EDGES: usize = 8;

/// One edge's rows.
struct Looked {
    dns: Row,
    udp: Row,
    tcp: Row,
}

/// Looks at every edge, and at the API.
pub(super) async fn all(
    dialers: &Dialers,
    edges: &[EdgeAddress],
    wanted: ProtocolChoice,
    prechecks: &Prechecks,
) -> PrecheckReport {
    let mut different: Vec<&EdgeAddress> = Vec::new();
    for edge in edges {
        if !different.contains(&edge) && different.len() < MAX_EDGES {
            different.push(edge);
        }
    }
    let end = Instant::now() + LIMIT;
    let looks = different
        .into_iter()
        .map(|edge| look(dialers, edge, prechecks, end));
    let (looked, api) = tokio::join!(join_all(looks), look_at_api(prechecks.api.as_deref(), end));
    let (mut dns, mut udp, mut tcp) = (Vec::new(), Vec::new(), Vec::new());
    for edge in looked {
        dns.push(edge.dns);
        udp.push(edge.udp);
        tcp.push(edge.tcp);
    }
    let rows = dns.into_iter().chain(udp).chain(tcp).chain(api).collect();
    PrecheckReport::new(rows, wanted, prechecks.program.clone())
}

async fn look(dialers: &Dialers, edge: &EdgeAddress, prechecks: &Prechecks, end: Instant) -> Looked {
    let (target, port) = shown(edge, prechecks.discovered);
    let row = |component, status, details: &str| Row::new(component, target, port, status, details);
    let found = again_until_well(end, || dialers.names.look_up(edge)).await;
    let (status, details) = match &found {
        Some(Ok(_)) => (Status::Pass, "DNS Resolved successfully".to_owned()),
        Some(Err(error)) => (Status::Fail, error.to_string()),
        None => (Status::Fail, "DNS does not answer".to_owned()),
    };
    let dns = row(Component::Dns, status, &details);
    let Some(Ok(addrs)) = found else {
        let skipped = |component| row(component, Status::Skip, "DNS prerequisite failed");
        return Looked {
            dns,
            udp: skipped(Component::Udp),
            tcp: skipped(Component::Tcp),
        };
    };
    let of_family = |v4: bool| {
        let mut admitted = addrs.iter().filter(|addr| dialers.ip_version.admits(**addr));
        admitted.find(|addr| addr.is_ipv4() == v4).copied()
    };
    let addrs: Vec<SocketAddr> = [of_family(true), of_family(false)]
        .into_iter()
        .flatten()
        .collect();
    let (udp, tcp) = tokio::join!(
        reached(dialers, &addrs, Protocol::Quic, end),
        reached(dialers, &addrs, Protocol::Http2, end)
    );
    let judged = |component, reached: Option<bool>, well: &str, badly: &str| match reached {
        Some(true) => row(component, Status::Pass, well),
        Some(false) => row(component, Status::Fail, badly),
        None => row(component, Status::Skip, "No address of the wanted version of IP"),
    };
    Looked {
        dns,
        udp: judged(
            Component::Udp,
            udp,
            "QUIC connection successful",
            "QUIC connection failed",
        ),
        tcp: judged(
            Component::Tcp,
            tcp,
            "HTTP/2 connection successful",
            "HTTP/2 connection is blocked or unreachable",
        ),
    }
}

/// What an edge is called in the report, and its port.
fn shown(edge: &EdgeAddress, discovered: bool) -> (&str, &str) {
    let text = edge.as_str();
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    match discovered {
        true => (host, port),
        false => (text, port),
    }
}

/// Whether one of the addresses can be reached that way; `None` if there is none.
async fn reached(dialers: &Dialers, addrs: &[SocketAddr], protocol: Protocol, end: Instant) -> Option<bool> {
    let probes = addrs.iter().map(|addr| async move {
        let probed = again_until_well(end, || dialers.probe(*addr, protocol)).await;
        if let Some(Err(error)) = &probed {
            let error = error as &dyn std::error::Error;
            tracing::debug!(error, "{addr} cannot be reached over {protocol}");
        }
        matches!(probed, Some(Ok(())))
    });
    let outcomes = join_all(probes).await;
    (!outcomes.is_empty()).then(|| outcomes.contains(&true))
}

async fn look_at_api(api: Option<&str>, end: Instant) -> Option<Row> {
    let api = api?;
    let connected = again_until_well(end, || async {
        match timeout(PROBE_LIMIT, TcpStream::connect(api)).await {
            Ok(connected) => connected.map(drop),
            Err(elapsed) => Err(elapsed.into()),
        }
    });
    let (status, details) = match connected.await {
        Some(Ok(())) => (Status::Pass, "API is reachable"),
        Some(Err(_)) | None => (Status::Fail, "API Connection failed"),
    };
    let port = api.rsplit_once(':').map_or("", |(_, port)| port);
    Some(Row::new(Component::Api, api, port, status, details))
}

/// Tries, and tries again; `None` once time is over.
async fn again_until_well<T, E, F>(end: Instant, what: impl Fn() -> F) -> Option<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    let trying = async {
        for pause in PAUSES {
            let outcome = what().await;
            if outcome.is_ok() {
                return outcome;
            }
            sleep(pause).await;
        }
        what().await
    };
    timeout_at(end, trying).await.ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_edge_is_shown_as_it_was_named_and_a_discovered_one_without_its_port() {
        let edge: EdgeAddress = "[2001:db8::1]:7844".parse().unwrap();
        assert_eq!(shown(&edge, false), ("[2001:db8::1]:7844", "7844"));
        let edge: EdgeAddress = "region1.example:7844".parse().unwrap();
        assert_eq!(shown(&edge, true), ("region1.example", "7844"));
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_and_what_hangs_has_an_end() {
        let tries = Cell::new(0);
        let soon = || Instant::now() + Duration::from_millis(50);
        let tried: Option<Result<i32, i32>> = again_until_well(Instant::now() + LIMIT, || {
            tries.set(tries.get() + 1);
            std::future::ready(match tries.get() {
                1 => Err(1),
                count => Ok(count),
            })
        })
        .await;
        assert_eq!(tried, Some(Ok(2)));
        let hung = again_until_well(soon(), std::future::pending::<Result<(), ()>>).await;
        assert_eq!(hung, None);
    }

    #[tokio::test]
    async fn an_api_that_listens_is_reachable_and_one_that_does_not_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = listener.local_addr().unwrap().to_string();
        let soon = || Instant::now() + Duration::from_millis(500);
        let row = look_at_api(Some(&api), soon()).await.unwrap();
        assert_eq!((row.status, row.target.as_str()), (Status::Pass, api.as_str()));
        drop(listener);
        let row = look_at_api(Some(&api), soon()).await.unwrap();
        assert_eq!(row.status, Status::Fail);
        assert!(look_at_api(None, soon()).await.is_none());
    }
}
