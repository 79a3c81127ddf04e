//! A unit of systemd's that was written for the stock client, run as systemd would.

use std::os::unix::net::UnixDatagram;

use adit_testing::process::Signal;

use crate::scene::{Program, Scene};

/// As an administrator has it. `{token}` is filled in.
const UNIT: &str = "\
[Unit]
Description=The tunnel of this house
After=network-online.target
Wants=network-online.target

[Service]
TimeoutStartSec=15
Type=notify
Environment=TUNNEL_METRICS=127.0.0.1:0
Environment=TUNNEL_GRACE_PERIOD=1s
ExecStart=/usr/bin/cloudflared --no-autoupdate tunnel run --token {token}
Restart=on-failure
RestartSec=5s

[Install]
WantedBy=multi-user.target
";

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_systemds_is_told_when_the_tunnel_is_up_and_stops_cleanly() {
    for program in Program::both("a_unit_of_systemds_is_told_when_the_tunnel_is_up_and_stops_cleanly") {
        let scene = Scene::build();
        let unit = UNIT.replace("{token}", &scene.token.encode());
        let values = |key: &str| -> Vec<&str> {
            let key = format!("{key}=");
            unit.lines().filter_map(|line| line.strip_prefix(&key)).collect()
        };
        let [start] = values("ExecStart")[..] else {
            panic!("one command")
        };
        let words: Vec<_> = start.split(' ').skip(1).collect();
        let told_at = scene.file("notify");
        let told = UnixDatagram::bind(&told_at).unwrap();
        told.set_nonblocking(true).unwrap();
        let mut command = scene.command(&program, &words);
        let variables = values("Environment")
            .into_iter()
            .filter_map(|pair| pair.split_once('='));
        command.envs(variables).env("NOTIFY_SOCKET", &told_at);

        let mut running = scene.start(&program, command);
        let mut message = [0; 256];
        let ready =
            adit_testing::wait_for_some("word to systemd", async || told.recv(&mut message).ok()).await;
        assert!(message[..ready].starts_with(b"READY=1"), "{program}");
        assert!(
            !scene.edge.registrations().is_empty(),
            "{program}: told too early"
        );

        running.0.signal(Signal::TERM);
        // Restart=on-failure leaves it at that.
        assert_eq!(running.0.ended().await.code(), Some(0), "{program}");
    }
}
