//! keepalived in the same place: two routers of site A that share virtual addresses inside and outside by VRRP, and a
//! router of site B. No tunnel, no encryption: what a switch of next hops takes by itself.

use std::{net::IpAddr, time::Duration, time::Instant};

use adit_testing::{
    netns::{
        self, Namespace,
        meter::Pings,
        pairs::{HOST, Pairs, Side, VIRTUAL},
    },
    process::Process,
    wait_within,
};
use anyhow::Context;
use tempfile::TempDir;

use super::gaps::{Gaps, Spread, millis};
use crate::{modes, say};

/// The virtual address outside.
const OUTSIDE: &str = "198.18.0.100";
/// The router of site B outside.
const OTHER: &str = "198.18.0.13";
/// Intervals between advertisements: the default, and the shortest that is common.
const INTERVALS: [&str; 2] = ["1", "0.1"];
const LIMIT: Duration = Duration::from_secs(30);

/// What keepalived does with one interval between advertisements.
pub(super) struct Rival {
    interval: &'static str,
    gap: Spread,
}

/// Measures it, or says why not.
pub(super) async fn measure(runs: u32) -> Vec<Rival> {
    let mut rivals = Vec::new();
    if let Some(reason) = netns::absent_program("keepalived") {
        say(&format!("left out: keepalived: {reason}"));
        return rivals;
    }
    for interval in INTERVALS {
        let gaps = async {
            let routers = Routers::start(interval).await?;
            let mut gaps = Vec::new();
            for run in 1..=runs {
                let gap = routers.lose_master().await;
                say(&format!(
                    "keepalived at {interval} s {run}/{runs}: {} ms",
                    millis(gap)
                ));
                gaps.push(gap);
            }
            Spread::of(gaps).context("no runs")
        };
        match modes::unless_it_panics(gaps).await {
            Ok(gap) => rivals.push(Rival { interval, gap }),
            Err(failure) => say(&format!("left out: keepalived at {interval} s: {failure:#}")),
        }
    }
    rivals
}

/// Beside ours.
pub(super) fn table(rivals: &[Rival], ours: Option<&Gaps>) -> String {
    let mut text = String::from("| host silent, gap in ms | median | p95 | max |\n|---|---:|---:|---:|\n");
    if let Some(gap) = ours.and_then(|ours| ours.gap) {
        text.push_str(&format!("| a replica of ours | {gap} |\n"));
    }
    for Rival { interval, gap } in rivals {
        text.push_str(&format!(
            "| keepalived, advertisements each {interval} s | {gap} |\n"
        ));
    }
    text
}

struct Routers {
    pairs: Pairs,
    _processes: Vec<Process>,
    _dir: TempDir,
}

impl Routers {
    async fn start(interval: &str) -> anyhow::Result<Self> {
        let pairs = Pairs::build();
        let other = &pairs.replicas(Side::B)[0];
        other.ip(&format!("addr add {}/24 dev lan", Side::B.v4(VIRTUAL)));
        other.ip(&format!("route add 10.10.0.0/24 via {OUTSIDE}"));
        forward(other);
        let dir = TempDir::new()?;
        let mut processes = Vec::new();
        for (index, router) in pairs.replicas(Side::A).iter().enumerate() {
            router.ip(&format!("route add 10.20.0.0/24 via {OTHER}"));
            forward(router);
            let file = |kind: &str| dir.path().join(format!("{index}.{kind}"));
            std::fs::write(file("conf"), configuration(index, interval))?;
            let mut command = router.command("keepalived");
            command
                .args(["--dont-fork", "--log-console", "--vrrp"])
                .arg("--use-file")
                .arg(file("conf"))
                .arg("--pid")
                .arg(file("pid"))
                .arg("--vrrp_pid")
                .arg(file("vrrp"));
            processes.push(Process::spawn("keepalived", command));
        }
        let routers = Self {
            pairs,
            _processes: processes,
            _dir: dir,
        };
        routers.settled().await;
        Ok(routers)
    }

    /// Which router has the virtual address; `None` if not exactly one.
    fn master(&self) -> Option<usize> {
        let address = format!("{}/", Side::A.v4(VIRTUAL));
        let mut having = (0..).zip(self.pairs.replicas(Side::A)).filter(|(_, router)| {
            router
                .try_run(&["ip", "-4", "addr", "show", "dev", "lan"])
                .is_ok_and(|shown| shown.contains(&format!("inet {address}")))
        });
        let (one, None) = (having.next()?, having.next()) else {
            return None;
        };
        Some(one.0)
    }

    async fn settled(&self) {
        wait_within(LIMIT, "one master and pings through it", async || {
            self.master().is_some() && self.pairs.host(Side::A).reaches(&Side::B.v4(HOST))
        })
        .await;
    }

    /// Silences the master's host, and tells how long no ping was answered.
    async fn lose_master(&self) -> Duration {
        // Two that were masters until one stepped back: neighbours may still send to that one.
        self.pairs
            .host(Side::A)
            .run(&["ip", "neigh", "flush", "dev", "lan"]);
        self.pairs.replicas(Side::B)[0].run(&["ip", "neigh", "flush", "dev", "wan"]);
        let pings = [(Side::A, Side::B), (Side::B, Side::A)].map(|(from, to)| {
            let to: IpAddr = to.v4(HOST).parse().unwrap_or(IpAddr::from([0; 4]));
            Pings::start(self.pairs.host(from), to)
        });
        let steady = || pings.iter().all(|pings| pings.answers().are_steady());
        wait_within(LIMIT, "pings", async || steady()).await;
        let master = self.master().unwrap_or_default();
        let replicas = self.pairs.replicas(Side::A);
        let (victim, heir) = (&replicas[master], &replicas[1 - master]);
        let switch = self.pairs.switch();
        let struck = Instant::now();
        ["wan", "lan"]
            .iter()
            .for_each(|cable| switch.silence(victim, cable));
        let address = Side::A.v4(VIRTUAL);
        wait_within(LIMIT, "the other router to take over", async || {
            let shown = heir.ip("-4 addr show dev lan");
            shown.contains(&format!("inet {address}/")) && steady()
        })
        .await;
        let gap = |pings: &Pings| pings.answers().gap_after(struck).unwrap_or(struck.elapsed());
        let gap = pings.iter().map(gap).max().unwrap_or_default();
        ["wan", "lan"].iter().for_each(|cable| switch.plug(victim, cable));
        self.settled().await;
        gap
    }
}

fn forward(router: &Namespace) {
    router.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
}

fn configuration(index: usize, interval: &str) -> String {
    let priority = 100 - index;
    let instance = |name: &str, id: u8, address: &str| {
        format!(
            "vrrp_instance {name} {{\n  state BACKUP\n  nopreempt\n  interface {name}\n  virtual_router_id {id}\n  \
             priority {priority}\n  advert_int {interval}\n  virtual_ipaddress {{\n    {address}/24\n  }}\n}}\n"
        )
    };
    format!(
        "global_defs {{\n  router_id r{index}\n  vrrp_version 3\n}}\n\
         vrrp_sync_group both {{\n  group {{\n    lan\n    wan\n  }}\n}}\n{}{}",
        instance("lan", 51, &Side::A.v4(VIRTUAL)),
        instance("wan", 52, OUTSIDE)
    )
}
