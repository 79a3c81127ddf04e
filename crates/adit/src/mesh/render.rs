//! What a node tells, for people.

use adit_mesh::node::{Hop, HubStatus, NodeStatus};

/// How a node fares, in lines.
pub(super) fn status(status: &NodeStatus) -> String {
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
    if !status.local.is_empty() {
        line("own site", joined(&status.local));
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
    format!(
        "{}, {heard}, {} bytes in, {} out",
        hub.endpoint, hub.received_bytes, hub.sent_bytes
    )
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
