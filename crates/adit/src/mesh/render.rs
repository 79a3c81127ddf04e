//! What a node tells, for people.

use adit_mesh::node::{HookState, Hop, HubStatus, KeyStatus, NodeStatus};
use adit_model::Timestamp;

/// How a node fares, in lines.
pub(super) fn status(status: &NodeStatus, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<11} {value}\n"));
    line(
        "site",
        format!("tunnel {} of account {}", status.tunnel_id, status.account_id),
    );
    line(
        "replica",
        format!(
            "{} ({})",
            status.connector_id,
            status.role.map_or("no role yet", |role| role.as_str())
        ),
    );
    let session = &status.session;
    let edges = session.edges.join(", ");
    line(
        "edge",
        match (session.connected, &session.problem) {
            (true, _) => format!("connected to {edges}"),
            (false, Some(problem)) => format!("not connected to {edges}: {problem}"),
            (false, None) => format!("connecting to {edges}"),
        },
    );
    line(
        "hub",
        status
            .hub
            .as_ref()
            .map_or_else(|| "not known yet".to_owned(), hub),
    );
    if let Some(told) = &status.key {
        line("key", key(told, now));
    }
    if !status.local.is_empty() {
        line("own site", joined(&status.local));
    }
    let ha = &status.ha;
    line(
        "epoch",
        match ha.lease_left_ms {
            Some(left) => format!("{}, leased for another {left} ms", ha.epoch),
            None => ha.epoch.to_string(),
        },
    );
    if ha.draining {
        line("draining", "until `adit mesh drain --undo`".to_owned());
    }
    if !ha.virtual_ips.is_empty() {
        let all: Vec<_> = ha.virtual_ips.iter().collect();
        line("virtual IPs", joined(&all));
    }
    line(
        "LAN",
        if ha.lan.well {
            "well".to_owned()
        } else {
            ha.lan.problems.join("; ")
        },
    );
    if let Some(ran) = &ha.hook {
        let state = match &ran.state {
            HookState::Running => "runs",
            HookState::Done => "done",
            HookState::Failed(why) => why,
        };
        line("command", format!("on-{}: {state}", ran.role.as_str()));
    }
    for changed in &ha.settings {
        line(
            "changed",
            format!("{} from {} to {}", changed.name, changed.from, changed.to),
        );
    }
    for problem in &ha.problems {
        line("problem", problem.clone());
    }
    let Some(host) = &status.host else {
        return text;
    };
    line(
        "interface",
        format!(
            "{}, MTU {}, {}",
            host.interface,
            host.mtu,
            joined(&host.addresses)
        ),
    );
    line(
        "to mesh",
        format!("{} (table {})", joined(&host.carried), host.table),
    );
    if !host.left_to_host.is_empty() {
        line("not to mesh", joined(&host.left_to_host));
    }
    let forwarding = if host.forwards {
        "on"
    } else {
        "not needed: no network of this site is routed"
    };
    line("forwarding", forwarding.to_owned());
    line("SNAT", if host.snat { "on" } else { "off" }.to_owned());
    for changed in &host.settings {
        line(
            "changed",
            format!("{} from {} to {}", changed.name, changed.from, changed.to),
        );
    }
    for complaint in host.complaints() {
        line("problem", complaint);
    }
    text
}

fn hub(hub: &HubStatus) -> String {
    let heard = match hub.handshake_age_ms {
        Some(age) => format!("handshake {} s ago", age / 1000),
        None => "no handshake yet".to_owned(),
    };
    let way = if hub.degraded {
        format!("{}, degraded since UDP is blocked", hub.way)
    } else {
        hub.way.to_string()
    };
    format!(
        "{} ({way}), {heard}, {} bytes in, {} out",
        hub.endpoint, hub.received_bytes, hub.sent_bytes
    )
}

/// With its age: operators look whether it changes.
fn key(key: &KeyStatus, now: Timestamp) -> String {
    const DAY: i64 = 86_400_000_000;
    let days =
        |from: Timestamp, to: Timestamp| to.unix_micros().saturating_sub(from.unix_micros()).max(0) / DAY;
    let counted = |days: i64| match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let mut text = key.public.clone();
    if let Some(since) = key.since {
        text.push_str(&format!(", {} old", counted(days(since, now))));
    }
    match (&key.next, key.until) {
        (Some(next), _) => text.push_str(&format!(", changes to {next} once the edge knows that")),
        (None, Some(until)) => text.push_str(&format!(", changes in {}", counted(days(now, until)))),
        (None, None) => {}
    }
    text
}

fn joined<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// The hops of a check, in lines.
pub(super) fn hops(hops: &[Hop]) -> String {
    let line = |hop: &Hop| {
        let mark = if hop.passes { "ok" } else { "FAILS" };
        let mend = hop
            .mend
            .as_ref()
            .map_or_else(String::new, |mend| format!("      try: {mend}\n"));
        format!("{mark:<5} {}: {}\n{mend}", hop.hop, hop.finding)
    };
    hops.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_with_its_age_and_what_becomes_of_it() {
        let at = |day: i64| Timestamp::from_unix_micros(day * 86_400_000_000).unwrap();
        let told = KeyStatus {
            public: "PUBLIC".to_owned(),
            since: Some(at(100)),
            until: Some(at(131)),
            next: None,
        };
        assert_eq!(key(&told, at(112)), "PUBLIC, 12 days old, changes in 19 days");
        assert_eq!(key(&told, at(101)), "PUBLIC, 1 day old, changes in 30 days");
        assert_eq!(key(&told, at(99)), "PUBLIC, 0 days old, changes in 32 days");
        let changing = KeyStatus {
            next: Some("OTHER".to_owned()),
            ..told
        };
        assert_eq!(
            key(&changing, at(131)),
            "PUBLIC, 31 days old, changes to OTHER once the edge knows that"
        );
    }
}
