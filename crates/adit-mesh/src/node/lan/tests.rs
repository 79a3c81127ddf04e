//! The checks, on LANs made for the purpose.

use std::{sync::Arc, time::Duration};

use adit_testing::{
    netns::{self, Namespace, Switch},
    skip,
};
use adit_wire::mesh::LanHealth;
use tokio::time::timeout;

use super::*;
use crate::node::host::Netlink;

fn run<T: Send>(host: &Namespace, act: impl AsyncFnOnce() -> T + Send) -> T {
    host.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(act())
    })
}

async fn until(watch: &LanWatch, is: impl Fn(&LanHealth) -> bool) {
    let mut told = watch.told();
    let found = timeout(Duration::from_secs(20), told.wait_for(&is)).await;
    assert!(matches!(found, Ok(Ok(_))), "still {:?}", watch.told().borrow());
}

#[test]
fn a_lan_is_well_while_its_hosts_answer_and_the_carrier_is_there() {
    const NAME: &str = "a_lan_is_well_while_its_hosts_answer_and_the_carrier_is_there";
    if let Some(reason) = netns::absent() {
        return skip(NAME, reason);
    }
    let switch = Switch::new(&["lan"]);
    let (node, host) = (Namespace::new("node"), Namespace::new("host"));
    switch.connect(&node, "lan", "lan", &["10.10.0.2/24", "fd00:10:10::2/64"]);
    switch.connect(&host, "lan", "lan", &["10.10.0.10/24", "fd00:10:10::10/64"]);
    let options = LanOptions {
        interface: Some("lan".to_owned()),
        targets: ["10.10.0.10", "fd00:10:10::10"]
            .map(|ip| ip.parse().unwrap())
            .to_vec(),
        probes: vec!["icmp:10.10.0.10".parse().unwrap()],
    };
    run(&node, async || {
        let netlink = Arc::new(Netlink::connect_for_links().unwrap());
        let watch = LanWatch::start(&options, &netlink);
        until(&watch, |told| told.well).await;

        host.ip("addr del 10.10.0.10/24 dev lan");
        let silent = "10.10.0.10 does not answer on the LAN";
        until(&watch, |told| {
            told.problems.iter().any(|problem| problem == silent)
        })
        .await;
        host.ip("addr add 10.10.0.10/24 dev lan");
        until(&watch, |told| told.well).await;

        // As if the cable was pulled.
        host.ip("link set lan down");
        node.ip("link set lan down");
        let bare = "the interface lan has no carrier";
        until(&watch, |told| told.problems.iter().any(|problem| problem == bare)).await;
        node.ip("link set lan up");
        host.ip("link set lan up");
        until(&watch, |told| {
            !told.problems.iter().any(|problem| problem == bare)
        })
        .await;
    });
}

#[test]
fn probes_are_read_as_they_are_written() {
    for text in [
        "icmp:10.10.0.9",
        "icmp:fd00::9",
        "tcp:10.10.0.9:443",
        "tcp:[fd00::9]:22",
    ] {
        assert_eq!(text.parse::<LanProbe>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "10.10.0.9",
        "icmp:host",
        "tcp:10.10.0.9",
        "tcp:10.10.0.9:0",
        "udp:10.10.0.9:53",
    ] {
        assert_eq!(text.parse::<LanProbe>(), Err(NoProbe), "{text}");
    }
}
