//! WireGuard clients of others as devices.

use std::net::IpAddr;

use adit_testing::{
    netns::{self, Namespace},
    process::Process,
    skip,
};

use crate::scene::{Scene, soon, tcp, udp};

/// What speaks WireGuard in user space, as its users start it: the interface's name is its only argument.
pub(crate) struct Client {
    _process: Process,
    interface: String,
}

impl Client {
    /// Brings up an interface as the file says, which `wg-quick` would read.
    pub(crate) async fn up(program: &str, host: &Namespace, file: &str) -> Self {
        // The names of all namespaces' interfaces share one directory of sockets.
        let interface = format!("w{}", std::process::id());
        let mut command = host.command(program);
        command.arg("-f");
        if program != "wireguard-go" {
            // They would give up root and could then not set up the interface.
            command.arg("--disable-drop-privileges");
        }
        command.arg(&interface).env("WG_PROCESS_FOREGROUND", "1");
        let process = Process::spawn(program, command);
        let value = |name: &str| {
            let line = file
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name} = ")))
                .unwrap();
            line.split(", ").map(str::to_owned).collect::<Vec<_>>()
        };
        let stripped: String = file
            .lines()
            .filter(|line| !line.starts_with("Address") && !line.starts_with("MTU"))
            .map(|line| format!("{line}\n"))
            .collect();
        let path = std::env::temp_dir().join(format!("{interface}.conf"));
        std::fs::write(&path, stripped).unwrap();
        let text = path.to_str().unwrap().to_owned();
        soon("the client's configuration", async || {
            host.try_run(&["wg", "setconf", &interface, &text]).is_ok()
        })
        .await;
        std::fs::remove_file(&path).unwrap();
        for address in value("Address") {
            host.ip(&format!("addr add {address} dev {interface}"));
        }
        host.ip(&format!("link set {interface} mtu {} up", value("MTU")[0]));
        for network in value("AllowedIPs") {
            host.ip(&format!("route add {network} dev {interface}"));
        }
        Self {
            _process: process,
            interface,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A program that is killed leaves its control socket behind.
        let socket = format!("/var/run/wireguard/{}.sock", self.interface);
        let _ = std::fs::remove_file(socket);
    }
}

/// Tells why a test is left out, if it is.
pub(crate) fn left_out(test: &str, programs: &[&'static str]) -> bool {
    let reason = netns::absent()
        .map(str::to_owned)
        .or_else(|| programs.iter().find_map(|program| netns::absent_program(program)));
    if let Some(reason) = &reason {
        skip(test, reason);
    }
    reason.is_some()
}

pub(crate) fn add(scene: &Scene, name: &str) -> String {
    scene.device(&["add", name, "--no-qr"]).unwrap()
}

#[tokio::test]
async fn a_stock_wireguard_client_reaches_both_sites_until_it_is_removed() {
    if left_out(
        "a_stock_wireguard_client_reaches_both_sites_until_it_is_removed",
        &["wireguard-go", "wg"],
    ) {
        return;
    }
    let scene = Scene::start().await;
    let _joined = scene.join().await;
    let file = add(&scene, "laptop");
    let device = &scene.sites.device;
    let client = Client::up("wireguard-go", device, &file).await;
    let own: IpAddr = device
        .ip(&format!("-4 -br addr show dev {}", client.interface))
        .split_whitespace()
        .find_map(|word| word.strip_suffix("/32")?.parse().ok())
        .unwrap();
    for (host, v4, v6) in [
        (&scene.sites.host_a, "10.10.0.10", "fd00:10:10::10"),
        (&scene.sites.host_b, "10.20.0.10", "fd00:10:20::10"),
    ] {
        for address in [v4, v6] {
            soon(&format!("pings from the device to {address}"), async || {
                device.reaches(address)
            })
            .await;
        }
        assert_eq!(tcp(device, host, v4), own);
        assert_eq!(udp(device, host, v4, 1000), own);
        tcp(device, host, v6);
        // A site may begin too.
        tcp(host, device, &own.to_string());
    }

    let listed = scene.device(&["list"]).unwrap();
    assert!(
        listed.contains("laptop") && listed.contains(&own.to_string()),
        "{listed}"
    );
    let again = scene.device(&["add", "laptop"]).unwrap_err();
    assert!(again.contains("a device of this name exists"), "{again}");
    scene.device(&["remove", "laptop"]).unwrap();
    assert!(
        !device.reaches("10.10.0.10"),
        "a removed device still gets through"
    );
}

#[tokio::test]
async fn every_wireguard_client_at_hand_carries_bulk_both_ways() {
    const TEST: &str = "every_wireguard_client_at_hand_carries_bulk_both_ways";
    if left_out(TEST, &["wg", "iperf3"]) || !adit_testing::long_only(TEST) {
        return;
    }
    let scene = Scene::start().await;
    let _joined = scene.join().await;
    let device = &scene.sites.device;
    let mut command = scene.sites.host_a.command("iperf3");
    command.args(["-s", "--forceflush", "-B", "10.10.0.10"]);
    let server = Process::spawn("iperf3", command);
    server.line("Server listening").await;
    for program in ["wireguard-go", "boringtun-cli", "gotatun"] {
        if let Some(reason) = netns::absent_program(program) {
            skip(&format!("{TEST} ({program})"), reason);
            continue;
        }
        let file = add(&scene, program);
        let client = Client::up(program, device, &file).await;
        soon(&format!("pings by {program}"), async || {
            device.reaches("10.10.0.10")
        })
        .await;
        for direction in [&[][..], &["-R"]] {
            let words = [
                &["iperf3", "-c", "10.10.0.10", "-t", "3", "-f", "m"][..],
                direction,
            ]
            .concat();
            let text = device.run(&words);
            let line = text
                .lines()
                .rfind(|line| line.contains("receiver"))
                .unwrap_or_default();
            println!("{program} {direction:?}: {line}");
            assert!(!line.contains(" 0.00 Mbits"), "{text}");
        }
        drop(client);
        scene.device(&["remove", program]).unwrap();
    }
}

#[tokio::test]
async fn without_an_address_to_dial_no_device_is_made() {
    if left_out("without_an_address_to_dial_no_device_is_made", &[]) {
        return;
    }
    let scene = Scene::start_with(&["--mesh-listen", "127.0.0.1:51820"]).await;
    let said = scene.device(&["add", "phone"]).unwrap_err();
    assert!(said.contains("mesh.advertise is not set"), "{said}");
    assert_eq!(scene.device(&["list"]).unwrap(), "");
}
