//! A node's virtual addresses and its watchdog, with processes that are stopped and killed, on a LAN made for the purpose.

use std::{
    collections::BTreeSet,
    env, fs,
    net::IpAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use adit_testing::{
    netns::{self, Namespace, Switch},
    skip,
};
use adit_wire::mesh::Role;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;
use crate::{
    boot_time::BootTime,
    link::Gate,
    node::{hooks::Change, host::Netlink, virtual_ip::VirtualIps},
    tun::Tun,
};

/// Which process this binary is to be.
const ROLE: &str = "ADIT_TEST_WATCHDOG";
/// Where the node's command writes.
const OUT: &str = "ADIT_TEST_OUT";
const TTL: Duration = Duration::from_millis(1500);
const RENEWED: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);
const VIPS: [&str; 2] = ["10.10.0.1", "fd00:10:10::1"];

fn vips() -> BTreeSet<IpAddr> {
    VIPS.iter().map(|address| address.parse().unwrap()).collect()
}

/// This very binary in one of the roles of [`processes`].
fn in_role(role: &str) -> Vec<String> {
    let program = env::current_exe().unwrap().display().to_string();
    let test = "node::watchdog::tests::processes";
    let line = format!("{ROLE}={role} exec '{program}' {test} --exact --nocapture");
    ["-c".to_owned(), line].to_vec()
}

/// Nothing when it runs as a test; a node or its watchdog when a test starts it as such.
#[test]
fn processes() {
    let role = env::var(ROLE).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match role.as_str() {
        "watchdog" => runtime.block_on(guard()).unwrap(),
        "node" => runtime.block_on(node()),
        _ => {}
    }
}

/// Has the addresses and a lease that is renewed for ever.
async fn node() {
    let _tun = Tun::create("adit0", 1).unwrap();
    let netlink = Netlink::connect_for_links().unwrap();
    let gate = Arc::new(Gate::shut());
    let mut held = VirtualIps::new("adit0".to_owned(), None, Arc::clone(&gate));
    let mut watchdog = Watchdog::new(Some(WatchdogCommand {
        program: "/bin/sh".into(),
        arguments: in_role("watchdog").into_iter().map(Into::into).collect(),
    }));
    watchdog.look_after();
    loop {
        let until = BootTime::now().plus(TTL);
        gate.set_until(until);
        watchdog.tell(Order {
            device: "adit0".to_owned(),
            addresses: vips(),
            until: Some(until),
            command: Some(StandDown {
                command: format!("echo $ADIT_ROLE $ADIT_EPOCH >> '{}'", env::var(OUT).unwrap()),
                change: Change {
                    epoch: 7,
                    role: Role::Passive,
                    vips: Vec::new(),
                    prefixes: Vec::new(),
                    remote: Vec::new(),
                    fnr_id: None,
                    interface: "adit0".to_owned(),
                    tunnel: "t".to_owned(),
                    connector: "c".to_owned(),
                },
            }),
        });
        held.hold(&netlink, &vips()).await;
        assert_eq!(held.problems(), [""; 0]);
        let renew = Instant::now() + RENEWED;
        while let Some(next) = held.next_announcement().filter(|next| *next < renew) {
            tokio::time::sleep_until(next.into()).await;
            held.announce();
        }
        tokio::time::sleep_until(renew.into()).await;
    }
}

/// A LAN with a host and a node that runs as a process.
struct Scene {
    host: Namespace,
    node: Namespace,
    process: Child,
    out: TempDir,
    _switch: Switch,
}

impl Scene {
    fn new() -> Self {
        let switch = Switch::new(&["lan"]);
        let (node, host) = (Namespace::new("node"), Namespace::new("host"));
        switch.connect(&node, "lan", "lan", &["10.10.0.2/24", "fd00:10:10::2/64"]);
        switch.connect(&host, "lan", "lan", &["10.10.0.10/24", "fd00:10:10::10/64"]);
        // As a careful administrator sets it: nobody answers for another interface's addresses.
        node.run(&["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1"]);
        // The host knows another replica as the one that has the addresses.
        for address in VIPS {
            host.ip(&format!(
                "neigh replace {address} lladdr 02:00:00:00:00:99 dev lan nud reachable"
            ));
        }
        let out = tempfile::tempdir().unwrap();
        let process = Command::new("ip")
            .env(OUT, out.path().join("out"))
            .args(["netns", "exec", &node.to_string(), "/bin/sh"])
            .args(in_role("node"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            host,
            node,
            process,
            out,
            _switch: switch,
        }
    }

    /// What its command has written.
    fn written(&self) -> String {
        fs::read_to_string(self.out.path().join("out")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn shows(&self, words: &str) -> String {
        let words: Vec<&str> = ["ip"].into_iter().chain(words.split(' ')).collect();
        self.node.try_run(&words).unwrap_or_default()
    }

    fn host_knows(&self, mac: &str) -> bool {
        let known = self.host.ip("neigh show dev lan");
        VIPS.iter().all(|address| {
            known
                .lines()
                .any(|line| line.starts_with(&format!("{address} ")) && line.contains(mac))
        })
    }

    /// Whether the host finds and reaches them anew.
    fn is_reached(&self) -> [bool; 2] {
        VIPS.map(|address| {
            // Without an entry it asks the LAN.
            let _ = self.host.try_run(&["ip", "neigh", "del", address, "dev", "lan"]);
            self.host.reaches(address)
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_for(what: &str, is: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

#[test]
fn the_lan_hears_of_virtual_addresses_and_they_are_gone_when_the_process_is_killed() {
    const NAME: &str = "the_lan_hears_of_virtual_addresses_and_they_are_gone_when_the_process_is_killed";
    if let Some(reason) = netns::absent() {
        return skip(NAME, reason);
    }
    let scene = Scene::new();
    let mac = scene.node.run(&["cat", "/sys/class/net/lan/address"]);
    wait_for("the host hears of the addresses", || scene.host_knows(mac.trim()));
    // Interfaces that have just come up look first whether their own addresses are free.
    wait_for("the host reaches them", || scene.is_reached() == [true; 2]);
    let ignored = scene.node.run(&["sysctl", "-n", "net.ipv4.conf.all.arp_ignore"]);
    assert_eq!(ignored.trim(), "0");

    scene.signal(Signal::KILL);
    wait_for("the device is gone", || scene.shows("link show adit0").is_empty());
    assert_eq!(scene.is_reached(), [false; 2]);
    assert!(!scene.shows("addr").contains("10.10.0.1/"));
    let node = scene.node.to_string();
    let left = || {
        Command::new("ip")
            .args(["netns", "pids", &node])
            .output()
            .unwrap()
            .stdout
    };
    wait_for("the watchdog ends with its node", || left().is_empty());
    assert_eq!(
        scene.written(),
        "passive 7\n",
        "the command for a passive replica runs once"
    );
}

#[test]
fn a_stopped_process_loses_its_addresses_and_its_device_when_its_lease_is_over() {
    const NAME: &str = "a_stopped_process_loses_its_addresses_and_its_device_when_its_lease_is_over";
    if let Some(reason) = netns::absent() {
        return skip(NAME, reason);
    }
    let scene = Scene::new();
    let holds = || {
        let shown = scene.shows("addr show dev adit0");
        VIPS.iter().all(|address| {
            shown.contains(&format!("inet {address}/")) || shown.contains(&format!("inet6 {address}/"))
        })
    };
    wait_for("it holds the addresses", holds);
    wait_for("its watchdog runs", || {
        let pids = Command::new("ip")
            .args(["netns", "pids", &scene.node.to_string()])
            .output()
            .unwrap();
        String::from_utf8_lossy(&pids.stdout).lines().count() == 2
    });

    scene.signal(Signal::STOP);
    let taken = wait_for("the device is taken down", || {
        let shown = scene.shows("addr show dev adit0");
        !shown.contains("10.10.0.1/") && !shown.contains("fd00:10:10::1/") && !shown.contains(",UP")
    });
    // What `ip` takes on a busy machine comes on top.
    let limit = TTL + Duration::from_millis(500) + Duration::from_millis(500);
    assert!(taken < limit, "it took {taken:?}");
    assert_eq!(scene.is_reached(), [false; 2]);
    wait_for("the command for a passive replica", || {
        scene.written() == "passive 7\n"
    });

    scene.signal(Signal::CONT);
    wait_for("with a new lease it has them again", holds);
    wait_for("the device is up", || {
        scene.shows("addr show dev adit0").contains(",UP")
    });
}
