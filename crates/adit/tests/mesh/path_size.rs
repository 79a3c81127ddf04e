//! Paths that carry less than usual.

use adit_testing::{netns, process::Process, skip};

use crate::scene::{Scene, soon, tcp, udp};

#[tokio::test]
async fn narrow_paths_stall_nothing() {
    if let Some(reason) = netns::absent()
        .map(str::to_owned)
        .or_else(|| netns::absent_program("tcpdump"))
    {
        return skip("narrow_paths_stall_nothing", reason);
    }
    let scene = Scene::start().await;
    let _joined = scene.join().await;
    let (a, b) = (&scene.sites.host_a, &scene.sites.host_b);
    soon("pings back", async || b.reaches("10.10.0.10")).await;
    // Datagrams that may be cut on the way.
    for host in [a, b] {
        host.run(&["sysctl", "-w", "net.ipv4.ip_no_pmtu_disc=1"]);
    }
    for mtu in [1500_u16, 1400, 1280] {
        scene.sites.narrow_wan(mtu);
        // Whoever may not cut its packets goes by what its node tells, once that has looked.
        let fits = u64::from(mtu - 60).clamp(1280, 1420);
        for (node, name) in [(&scene.sites.node_a, "node-a"), (&scene.sites.node_b, "node-b")] {
            soon("the node to see what the path takes", async || {
                let status = scene.status(node, name).unwrap();
                status["host"]["mtu"].as_u64().is_some_and(|mtu| mtu <= fits)
            })
            .await;
        }
        tcp(a, b, "10.20.0.10");
        tcp(b, a, "10.10.0.10");
        tcp(a, b, "fd00:10:20::10");
        // Larger than the tunnel takes, and than the path does: in fragments, since nobody forbids it.
        udp(a, b, "10.20.0.10", 1400);
        udp(b, a, "10.10.0.10", 1400);
        udp(a, b, "10.20.0.10", 4000);
    }

    // Whoever forbids fragments is told what fits.
    let mut command = a.command("tcpdump");
    command.args([
        "-l",
        "-n",
        "-i",
        "lan",
        "icmp[icmptype] == 3 and icmp[icmpcode] == 4",
    ]);
    let seen = Process::spawn("tcpdump", command);
    seen.line("listening on").await;
    let sent = a.try_run(&[
        "ping",
        "-n",
        "-c",
        "1",
        "-W",
        "1",
        "-M",
        "do",
        "-s",
        "1450",
        "10.20.0.10",
    ]);
    assert!(sent.is_err(), "{sent:?}");
    seen.line("need to frag").await;
}
