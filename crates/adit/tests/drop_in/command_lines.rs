//! Command lines of containers, orchestrators and people.

use adit_testing::{process::Signal, wait_within};

use crate::scene::{Program, Running, SOON, Scene};

/// Serves, tells what people look for, and ends well when asked to.
async fn serves(scene: &Scene, mut running: Running, connections: usize) {
    scene.registered(connections).await;
    running.ready(connections as u64).await;
    for words in [
        vec!["Starting tunnel", "tunnelID="],
        vec!["Generated Connector ID: "],
        vec!["Initial protocol "],
        vec![
            "Registered tunnel connection",
            "connIndex=0",
            "connection=",
            "ip=",
            "location=test01",
            "protocol=",
        ],
    ] {
        let what = format!("a line with {words:?}");
        wait_within(SOON, &what, async || running.has_line(&words)).await;
    }
    running.0.signal(Signal::TERM);
    running
        .line("Initiating graceful shutdown due to signal terminated")
        .await;
    assert_eq!(running.0.ended().await.code(), Some(0));
    assert!(running.has_line(&["Unregistered tunnel connection", "connIndex=0"]));
    scene.is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_containers_command_line_serves_the_tunnel_of_its_token() {
    for program in Program::both("the_containers_command_line_serves_the_tunnel_of_its_token") {
        let scene = Scene::build();
        let token = scene.token.encode();
        // The image's entry point is `cloudflared --no-autoupdate`; what follows the image's name comes after it.
        let words = [
            "--no-autoupdate",
            "tunnel",
            "--no-autoupdate",
            "run",
            "--token",
            &token,
        ];
        let mut command = scene.command(&program, &words);
        command
            .env("TUNNEL_GRACE_PERIOD", "1s")
            .env("TUNNEL_METRICS", "127.0.0.1:0");
        serves(&scene, scene.start(&program, command), 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_told_by_variables_serves_the_tunnel() {
    for program in Program::both("a_container_that_is_told_by_variables_serves_the_tunnel") {
        let scene = Scene::build();
        let mut command = scene.command(&program, &["--no-autoupdate", "tunnel", "run"]);
        command
            .env("TUNNEL_TOKEN", scene.token.encode())
            .env("TUNNEL_GRACE_PERIOD", "1s")
            .env("TUNNEL_METRICS", "127.0.0.1:0")
            .env("TUNNEL_LOGLEVEL", "info")
            .env("TUNNEL_TRANSPORT_PROTOCOL", "http2")
            .env("TUNNEL_NO_PRECHECKS", "true")
            .env("NO_AUTOUPDATE", "true");
        let running = scene.start(&program, command);
        running.line("Initial protocol http2").await;
        serves(&scene, running, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orchestrators_command_line_and_its_probes_work() {
    for program in Program::both("an_orchestrators_command_line_and_its_probes_work") {
        let scene = Scene::build();
        let file = scene.write("secret/token", &scene.token.encode());
        let words = [
            "tunnel",
            "--no-autoupdate",
            "--loglevel",
            "info",
            "--metrics",
            "127.0.0.1:0",
            "--ha-connections",
            "2",
            "--grace-period",
            "1s",
            "run",
            "--token-file",
            file.to_str().unwrap(),
        ];
        let running = scene.start(&program, scene.command(&program, &words));
        running.ready(2).await;
        let metrics = running.metrics().await.to_string();
        let probe = scene.command(&program, &["tunnel", "--metrics", &metrics, "ready"]);
        assert_eq!(ended(probe).await, Some(0), "{program}");
        serves(&scene, running, 2).await;
        let probe = scene.command(&program, &["tunnel", "--metrics", &metrics, "ready"]);
        assert_eq!(ended(probe).await, Some(1), "{program}");
    }
}

async fn ended(mut command: tokio::process::Command) -> Option<i32> {
    command.output().await.unwrap().status.code()
}
