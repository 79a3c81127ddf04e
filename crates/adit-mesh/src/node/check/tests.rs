use std::collections::BTreeMap;

use adit_model::{AccountId, ConnectorId, Timestamp, TunnelId};

use super::*;
use crate::node::{HaStatus, HostReport, HubStatus, SessionStatus};

/// A way on which everything is as it should be.
fn fine() -> Findings {
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    Findings {
        to: "10.20.0.10".parse().unwrap(),
        status: NodeStatus {
            version: "1".to_owned(),
            pid: 1,
            started_at: Timestamp::parse("2025-02-18T22:41:43Z").unwrap(),
            account_id: AccountId::random(),
            tunnel_id: TunnelId::random(),
            connector_id: ConnectorId::random(),
            session: SessionStatus {
                connected: true,
                edges: vec!["edge:7844".to_owned()],
                problem: None,
            },
            ha: HaStatus::default(),
            role: Some(Role::Active),
            local: vec![net("10.10.0.0/24")],
            key: None,
            hub: Some(HubStatus {
                way: crate::way::Way::Udp,
                degraded: false,
                key: "k".to_owned(),
                endpoint: "192.0.2.1:51820".parse().unwrap(),
                handshake_age_ms: Some(7_000),
                received_bytes: 1,
                sent_bytes: 1,
            }),
            host: Some(HostReport {
                interface: "adit0".to_owned(),
                table: 44311,
                addresses: vec!["100.96.0.3".parse().unwrap()],
                carried: vec![net("10.20.0.0/24"), net("100.96.0.0/12")],
                ..HostReport::default()
            }),
        },
        by: Some("adit0".to_owned()),
        forwarding: Forwarding {
            v4: Some(true),
            v6: Some(true),
        },
        from_mesh: Some(Echo::Answered {
            after: Duration::from_millis(3),
        }),
        from_site: Some((
            "10.10.0.1".parse().unwrap(),
            Echo::Answered {
                after: Duration::from_millis(3),
            },
        )),
    }
}

/// The hop at which such a way ends, with what was found.
fn fails(change: impl FnOnce(&mut Findings)) -> (&'static str, String) {
    let mut findings = fine();
    change(&mut findings);
    let hops = findings.judge();
    let (last, before) = hops.split_last().unwrap();
    assert!(
        before.iter().all(|hop| hop.passes) && !last.passes && last.mend.is_some(),
        "{hops:?}"
    );
    (last.hop, last.finding.clone())
}

#[test]
fn a_way_on_which_all_is_well_has_five_hops() {
    let hops = fine().judge();
    assert_eq!(hops.len(), 5);
    assert!(hops.iter().all(|hop| hop.passes), "{hops:?}");
}

#[test]
fn the_route_fails_where_no_packet_would_go_into_the_tunnel() {
    for (change, word) in [
        (
            (|f: &mut Findings| f.to = "10.30.0.1".parse().unwrap()) as fn(&mut Findings),
            "no route",
        ),
        (|f| f.to = "10.10.0.9".parse().unwrap(), "own site"),
        (|f| f.by = Some("eth0".to_owned()), "by eth0"),
        (|f| f.status.host = None, "no configuration"),
        (
            |f| {
                let host = f.status.host.as_mut().unwrap();
                host.refused =
                    BTreeMap::from([("10.20.0.0/24".parse().unwrap(), "the host is in it".to_owned())]);
            },
            "the host is in it",
        ),
        (
            |f| f.status.host.as_mut().unwrap().left_to_host = vec!["10.20.0.0/28".parse().unwrap()],
            "own routes",
        ),
    ] {
        let (hop, finding) = fails(change);
        assert_eq!(hop, "route");
        assert!(finding.contains(word), "{finding}");
    }
}

#[test]
fn the_node_fails_without_a_session_and_where_another_one_carries() {
    assert_eq!(fails(|f| f.status.session.connected = false).0, "node");
    assert_eq!(fails(|f| f.status.role = Some(Role::Passive)).0, "node");
}

#[test]
fn the_hub_fails_without_a_fresh_handshake_or_when_it_says_so() {
    let hub = |change: fn(&mut HubStatus)| fails(|f| change(f.status.hub.as_mut().unwrap())).0;
    assert_eq!(hub(|hub| hub.handshake_age_ms = None), "hub");
    assert_eq!(hub(|hub| hub.handshake_age_ms = Some(200_000)), "hub");
    let refusal = |from: &str| Echo::Unreachable {
        from: from.parse().unwrap(),
        why: Why::Unreachable,
    };
    assert_eq!(fails(|f| f.from_mesh = Some(refusal("100.96.0.1"))).0, "hub");
    // Another node says that it does not find the host.
    assert_eq!(
        fails(|f| f.from_mesh = Some(refusal("100.96.0.4"))).0,
        "return path"
    );
}

#[test]
fn forwarding_matters_only_where_a_site_is_behind_the_node() {
    assert_eq!(fails(|f| f.forwarding.v4 = Some(false)).0, "forwarding");
    let mut alone = fine();
    alone.forwarding.v4 = Some(false);
    alone.status.local.clear();
    assert!(alone.judge().iter().all(|hop| hop.passes));
}

#[test]
fn the_return_path_tells_who_is_not_answered() {
    let site = |f: &mut Findings, echo| f.from_site = Some(("10.10.0.1".parse().unwrap(), echo));
    let (hop, finding) = fails(|f| site(f, Echo::Silent));
    assert_eq!(hop, "return path");
    assert!(finding.ends_with("but not 10.10.0.1"), "{finding}");
    let (_, finding) = fails(|f| f.from_mesh = Some(Echo::Silent));
    assert!(finding.contains("not the node's mesh address"), "{finding}");
    let (_, finding) = fails(|f| {
        f.from_mesh = Some(Echo::Silent);
        site(f, Echo::Silent);
    });
    assert!(finding.contains("did not answer"), "{finding}");
}
