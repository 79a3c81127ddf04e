//! What the node does to a host, on hosts made for the purpose.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use adit_core::mesh::MeshAddresses;
use adit_mesh::node::{Host, HostError, HostOptions, HostRecord, Wanted};
use adit_testing::{
    netns::{self, Namespace, sites::Sites},
    skip,
};

fn wanted(told: &[&str]) -> Wanted {
    Wanted {
        addresses: MeshAddresses {
            v4: "100.96.0.5".parse().unwrap(),
            v6: "fd00:96::5".parse().unwrap(),
        },
        told: told.iter().map(|net| net.parse().unwrap()).collect(),
        edges: BTreeSet::from(["198.18.0.1".parse::<IpAddr>().unwrap()]),
        mtu: 1420,
        forwards: true,
    }
}

/// Everything that a node may change and takes back, as `ip` and `nft` show it. The kernel adds and removes entries by
/// itself where it forwards.
fn shown(host: &Namespace) -> String {
    let routes = host.ip("route show table all") + &host.ip("-6 route show table all");
    let own = |line: &&str| {
        !["anycast", "multicast", "fe80"]
            .iter()
            .any(|word| line.contains(word))
    };
    let routes: Vec<&str> = routes.lines().filter(own).collect();
    let (v4, v6) = (host.ip("rule show"), host.ip("-6 rule show"));
    [v4, v6, routes.join("\n"), host.run(&["nft", "list", "ruleset"])].concat()
}

/// Stands in for the tunnel's device.
fn make_device(host: &Namespace) {
    host.ip("link add adit0 type veth peer name other");
    host.ip("link set other up");
}

fn in_host<T: Send>(host: &Namespace, act: impl AsyncFnOnce() -> T + Send) -> T {
    host.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(act())
    })
}

/// By which interface it would send there; nothing if there is no way.
fn by(host: &Namespace, to: &str) -> Option<String> {
    let text = host.try_run(&["ip", "route", "get", to]).ok()?;
    let mut words = text.split_whitespace();
    words.find(|word| *word == "dev")?;
    words.next().map(str::to_owned)
}

#[test]
fn a_host_gets_addresses_routes_and_a_filter_and_loses_them_at_the_end() {
    if let Some(reason) = netns::absent() {
        return skip(
            "a_host_gets_addresses_routes_and_a_filter_and_loses_them_at_the_end",
            reason,
        );
    }
    let sites = Sites::build();
    let node = &sites.node_a;
    let before = shown(node);
    in_host(node, async || {
        let mut host = Host::prepare(HostOptions::default(), None, None).await.unwrap();
        make_device(node);
        let wanted = wanted(&[
            "10.20.0.0/24",
            "fd00:10:20::/64",
            "100.96.0.0/12",
            "10.10.0.0/24",
            "198.18.0.0/16",
        ]);
        let report = host.apply(&wanted).await.unwrap().clone();
        assert_eq!(report.problems, [""; 0]);
        assert_eq!(report.refused.len(), 1, "{report:?}");

        for to in ["10.20.0.10", "fd00:10:20::10", "100.96.0.77", "198.18.9.9"] {
            assert_eq!(by(node, to).as_deref(), Some("adit0"), "{to}");
        }
        for (to, own) in [
            ("10.10.0.10", "lan"),
            ("198.18.0.1", "wan"),
            ("198.18.0.21", "wan"),
        ] {
            assert_eq!(by(node, to).as_deref(), Some(own), "{to}");
        }
        assert_eq!(by(node, "192.0.2.1"), None);
        assert!(node.ip("addr show dev adit0").contains("100.96.0.5/32"));
        assert!(
            node.run(&["nft", "list", "ruleset"])
                .contains("maxseg size set 1380")
        );
        assert_eq!(node.run(&["sysctl", "-n", "net.ipv4.ip_forward"]).trim(), "1");

        // Told anew, it changes what differs and nothing else.
        let fewer = Wanted {
            told: ["100.96.0.0/12".parse().unwrap()].into(),
            ..wanted
        };
        host.apply(&fewer).await.unwrap();
        assert_eq!(by(node, "10.20.0.10"), None);
        assert_eq!(by(node, "100.96.0.77").as_deref(), Some("adit0"));

        let left = host.clear().await.unwrap();
        assert!(
            left.iter().any(|setting| setting.name == "net.ipv4.ip_forward"),
            "{left:?}"
        );
    });
    node.ip("link del adit0");
    assert_eq!(shown(node), before);
}

#[test]
fn what_a_killed_node_left_behind_is_removed_at_the_next_start() {
    if let Some(reason) = netns::absent() {
        return skip(
            "what_a_killed_node_left_behind_is_removed_at_the_next_start",
            reason,
        );
    }
    let sites = Sites::build();
    let node = &sites.node_a;
    let before = shown(node);
    let record: HostRecord = in_host(node, async || {
        let mut host = Host::prepare(HostOptions::default(), None, None).await.unwrap();
        make_device(node);
        let wanted = wanted(&["0.0.0.0/0", "fd00:10:20::/64"]);
        let record = host.record(&wanted).await.unwrap();
        host.apply(&wanted).await.unwrap();
        record
    });
    // The device goes with the process that made it; rules and tables stay.
    node.ip("link del adit0");
    assert_ne!(shown(node), before);

    in_host(node, async || {
        let other = HostOptions {
            interface: "adit1".to_owned(),
            table: 77,
            ..HostOptions::default()
        };
        Host::prepare(other, Some(&record), None).await.unwrap();
    });
    assert_eq!(shown(node), before);
}

#[test]
fn to_set_up_what_is_set_up_changes_nothing_that_would_be_heard_of() {
    if let Some(reason) = netns::absent() {
        return skip(
            "to_set_up_what_is_set_up_changes_nothing_that_would_be_heard_of",
            reason,
        );
    }
    let sites = Sites::build();
    let node = &sites.node_a;
    in_host(node, async || {
        let mut host = Host::prepare(HostOptions::default(), None, None).await.unwrap();
        make_device(node);
        let wanted = wanted(&["10.20.0.0/24", "100.96.0.0/12"]);
        let mut changes = host.changes();
        // The kernel itself needs a moment for addresses of IPv6.
        for _ in 0..20 {
            changes.borrow_and_update();
            host.apply(&wanted).await.unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(500), changes.changed()).await;
            if heard.is_err() {
                return;
            }
        }
        panic!("it hears of its own changes again and again");
    });
}

#[test]
fn somebody_elses_device_is_not_taken() {
    if let Some(reason) = netns::absent() {
        return skip("somebody_elses_device_is_not_taken", reason);
    }
    let host = Namespace::new("host");
    make_device(&host);
    let outcome = in_host(&host, async || {
        Host::prepare(HostOptions::default(), None, None).await.map(drop)
    });
    assert!(
        matches!(outcome, Err(HostError::TakenInterface(_))),
        "{outcome:?}"
    );
}

#[test]
fn the_administrator_and_the_edge_stay_reachable_when_everything_is_carried() {
    if let Some(reason) = netns::absent() {
        return skip(
            "the_administrator_and_the_edge_stay_reachable_when_everything_is_carried",
            reason,
        );
    }
    let sites = Sites::build();
    let (node, edge, administrator) = (&sites.node_a, &sites.edge, &sites.device);
    // The administrator sits behind the provider's router, which is where the edge runs.
    node.ip("route add default via 198.18.0.1");
    administrator.ip("addr add 203.0.113.9/32 dev lo");
    administrator.ip("route add default via 198.18.0.1");
    edge.ip("route add 203.0.113.9/32 via 198.18.0.21");
    edge.run(&["sysctl", "-w", "net.ipv4.ip_forward=1"]);

    let server = node.inside(|| TcpListener::bind("0.0.0.0:22").unwrap());
    let dial = |last: u8| {
        administrator.inside(|| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket
                .bind(&SocketAddr::from(([203, 0, 113, last], 0)).into())
                .unwrap();
            let to = SocketAddr::from(([198, 18, 0, 11], 22));
            socket
                .connect_timeout(&to.into(), Duration::from_secs(3))
                .unwrap();
            TcpStream::from(socket)
        })
    };
    let (old, (old_far, _)) = (dial(9), server.accept().unwrap());
    in_host(node, async || {
        let mut host = Host::prepare(HostOptions::default(), None, None).await.unwrap();
        make_device(node);
        host.apply(&wanted(&["0.0.0.0/0"])).await.unwrap();
        assert_eq!(by(node, "1.1.1.1").as_deref(), Some("adit0"));
        assert_eq!(by(node, "198.18.0.1").as_deref(), Some("wan"));
        assert_eq!(by(node, "203.0.113.9").as_deref(), Some("wan"));
        both_ways(&old, &old_far);
        // One who comes later is answered by the way by which they came.
        administrator.ip("addr add 203.0.113.10/32 dev lo");
        edge.ip("route add 203.0.113.10/32 via 198.18.0.21");
        assert_eq!(by(node, "203.0.113.10").as_deref(), Some("adit0"));
        let later = dial(10);
        let (later_far, _) = server.accept().unwrap();
        both_ways(&later, &later_far);
        host.clear().await.unwrap();
    });
}

/// Bytes pass in both directions.
fn both_ways(mut near: &TcpStream, mut far: &TcpStream) {
    for stream in [near, far] {
        stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    }
    let mut got = [0; 4];
    near.write_all(b"ping").unwrap();
    far.read_exact(&mut got).unwrap();
    far.write_all(b"pong").unwrap();
    near.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"pong");
}
