//! `adit mesh replicas`, `adit mesh failover` and `adit mesh events`.

use std::time::Instant;

use clap::Args;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    is_json, print_json,
    site::{Replica, Site, SiteArgs},
};
use crate::{
    failure::Failure,
    output,
    rest::{ApiMessage, RestError},
    tunnel::render::{table, to_the_second},
};

#[derive(Debug, Args)]
pub(super) struct Replicas {
    #[command(flatten)]
    site: SiteArgs,
    /// json for programs
    #[arg(long, short, value_name = "FORMAT")]
    output: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Failover {
    #[command(flatten)]
    site: SiteArgs,
    /// Who is to become active: its id, how that begins, or the name of its host
    #[arg(value_name = "CONNECTOR")]
    connector: String,
    /// Also if it reports that its own network is unwell
    #[arg(long)]
    force: bool,
    /// json for programs
    #[arg(long, short, value_name = "FORMAT")]
    output: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    site: SiteArgs,
    /// How many, counted from the newest
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    last: u32,
    /// json for programs
    #[arg(long, short, value_name = "FORMAT")]
    output: Option<String>,
}

/// A decision about who is active, as the API shows it.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    epoch: u64,
    at: String,
    cause: String,
    from: Option<String>,
    to: Option<String>,
    gap_ms: Option<f64>,
}

/// Prints who serves the site.
pub(super) async fn replicas(command: &Replicas) -> Result<(), Failure> {
    let json = is_json(command.output.as_deref())?;
    let site = command.site.open().await?;
    let found = site.replicas().await?;
    if json {
        print_json(&found)
    } else {
        output::result(&replicas_text(&found, &site.word))
    }
}

fn replicas_text(replicas: &[Replica], site: &str) -> String {
    if replicas.is_empty() {
        return format!(
            "No replica has joined the site {site}. Start one with `adit mesh up` on a host of it.\n"
        );
    }
    let head = [
        "CONNECTOR ID",
        "HOST",
        "STATUS",
        "SINCE",
        "ADDRESS",
        "EDGE",
        "VERSION",
        "ARCHITECTURE",
    ]
    .map(str::to_owned);
    let rows = replicas.iter().map(|replica| {
        let session = replica.conns.first();
        [
            replica.id.clone(),
            replica.hostname.clone().unwrap_or_else(|| "-".to_owned()),
            replica.ha_status.clone(),
            session.map_or_else(|| "-".to_owned(), |session| to_the_second(&session.opened_at)),
            session.map_or_else(|| "-".to_owned(), |session| session.origin_ip.clone()),
            session.map_or_else(|| "-".to_owned(), |session| session.colo_name.clone()),
            replica.version.clone(),
            replica.arch.clone(),
        ]
    });
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// Makes a replica active.
pub(super) async fn failover(command: &Failover) -> Result<(), Failure> {
    let json = is_json(command.output.as_deref())?;
    let site = command.site.open().await?;
    let connector = site.replica(&command.connector).await?;
    let mut target = site.call("/failover");
    if command.force {
        target = target.with("force", "true");
    }
    let body = json!({"client_id": connector});
    let asked = Instant::now();
    let done = site.admin.rest.send::<Value>(Method::PUT, target, &body).await;
    let took = asked.elapsed();
    done.map_err(|error| refused(error, &site, &connector))?;
    if json {
        print_json(
            &json!({"tunnel_id": site.id, "client_id": connector, "took_ms": took.as_secs_f64() * 1000.0}),
        )
    } else {
        output::result(&format!(
            "{connector} carries the traffic of {} now; that took {} ms\n",
            site.word,
            took.as_millis()
        ))
    }
}

/// The failure of a failover, with what to do next.
fn refused(error: RestError, site: &Site, connector: &str) -> Failure {
    let hint = match &error {
        RestError::Refused { errors, .. } => errors
            .first()
            .and_then(|first| next_step(first, &site.word, connector)),
        RestError::BadUrl { .. }
        | RestError::BadToken
        | RestError::Roots { .. }
        | RestError::Unreachable { .. }
        | RestError::Silent { .. }
        | RestError::Cut { .. }
        | RestError::Elsewhere { .. }
        | RestError::NoApi { .. } => None,
    };
    let failure = error.while_to(&format!("make {connector} active in {:?}", site.word));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn next_step(error: &ApiMessage, site: &str, connector: &str) -> Option<String> {
    Some(match error.code {
        1003 => format!("`adit mesh replicas {site}` shows who has joined"),
        1060 => "switch high availability on: PUT …/warp_connector/TUNNEL/configurations with {\"ha_mode\": \"none\"}".to_owned(),
        1061 if error.message.contains("force") => format!("`adit mesh failover {site} {connector} --force`, or mend its network first: `adit mesh status` on its host"),
        1061 => format!("`adit mesh status` on its host says why; `adit mesh replicas {site}` shows who could take over"),
        1062 => "the same again in a second".to_owned(),
        1063 => format!("`adit mesh status` on its host, and `adit mesh events {site}`"),
        _ => return None,
    })
}

/// Prints what happened to the site.
pub(super) async fn events(command: &Events) -> Result<(), Failure> {
    let json = is_json(command.output.as_deref())?;
    let site = command.site.open().await?;
    let newest = site
        .own_call("/ha_events")
        .with("per_page", &command.last.to_string());
    let found: Vec<Event> = site
        .admin
        .rest
        .get(newest)
        .await
        .map_err(|error| error.while_to(&format!("list what happened to {:?}", site.word)))?;
    if json {
        print_json(&found)
    } else {
        output::result(&events_text(&found, &site.word))
    }
}

fn events_text(events: &[Event], site: &str) -> String {
    if events.is_empty() {
        return format!("Nobody has been active in the site {site} yet.\n");
    }
    let head = ["AT", "EPOCH", "CAUSE", "FROM", "TO", "GAP"].map(str::to_owned);
    let nobody = |connector: &Option<String>| connector.clone().unwrap_or_else(|| "nobody".to_owned());
    let rows = events.iter().map(|event| {
        [
            to_the_second(&event.at),
            event.epoch.to_string(),
            event.cause.replace('_', " "),
            nobody(&event.from),
            nobody(&event.to),
            event
                .gap_ms
                .map_or_else(|| "-".to_owned(), |gap| format!("{gap:.1} ms")),
        ]
    });
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::site::ReplicaConnection;

    const FIRST: &str = "1bedc50d-42b3-473c-b108-ff3d10c0d925";

    fn replica(status: &str) -> Replica {
        Replica {
            id: FIRST.to_owned(),
            ha_status: status.to_owned(),
            version: "0.1.0".to_owned(),
            arch: "linux_amd64".to_owned(),
            features: Vec::new(),
            run_at: "2026-01-02T03:04:05.000006Z".to_owned(),
            hostname: None,
            conns: Vec::new(),
        }
    }

    #[test]
    fn replicas_are_shown_with_or_without_a_session() {
        let online = Replica {
            conns: vec![ReplicaConnection {
                id: FIRST.to_owned(),
                client_id: FIRST.to_owned(),
                client_version: "0.1.0".to_owned(),
                colo_name: "adi01".to_owned(),
                opened_at: "2026-01-02T03:04:05.000006Z".to_owned(),
                origin_ip: "192.0.2.7".to_owned(),
            }],
            hostname: Some("gate-1".to_owned()),
            ..replica("active")
        };
        let text = replicas_text(&[online, replica("offline")], "office");
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[1],
            [
                FIRST,
                "gate-1",
                "active",
                "2026-01-02T03:04:05Z",
                "192.0.2.7",
                "adi01",
                "0.1.0",
                "linux_amd64"
            ]
        );
        assert_eq!(lines[2][1..6], ["-", "offline", "-", "-", "-"]);
        assert!(replicas_text(&[], "office").contains("`adit mesh up`"));
    }

    #[test]
    fn events_are_shown_with_cause_and_gap() {
        let event = Event {
            epoch: 7,
            at: "2026-01-02T03:04:05.000006Z".to_owned(),
            cause: "lan_unwell".to_owned(),
            from: Some(FIRST.to_owned()),
            to: None,
            gap_ms: Some(1843.25),
        };
        let text = events_text(&[event], "office");
        let line = text.lines().last().unwrap();
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            [
                "2026-01-02T03:04:05Z",
                "7",
                "lan",
                "unwell",
                FIRST,
                "nobody",
                "1843.2",
                "ms"
            ]
        );
        assert!(events_text(&[], "office").contains("Nobody has been active"));
    }

    #[test]
    fn who_is_refused_is_told_what_to_do_next() {
        let step = |code, message: &str| {
            let error = ApiMessage {
                code,
                message: message.to_owned(),
            };
            next_step(&error, "office", FIRST).unwrap_or_default()
        };
        assert!(step(1003, "Connector not found").contains("`adit mesh replicas office`"));
        assert!(step(1060, "").contains("ha_mode"));
        assert!(
            step(1061, "its network is unwell; force=true …")
                .contains(&format!("failover office {FIRST} --force"))
        );
        assert!(!step(1061, "the connector is offline").contains("--force"));
        assert!(step(1062, "").contains("second"));
        assert!(step(1063, "").contains("`adit mesh events office`"));
        assert_eq!(step(1500, ""), "");
    }
}
