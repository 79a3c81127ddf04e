//! Signals: what runs is finished, then the program ends as the stock one does.

use std::time::{Duration, Instant};

use adit_testing::{client, process::Signal, wait_for, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::scene::{Program, Scene};

const WORDS: [&str; 7] = [
    "tunnel",
    "--hello-world",
    "--metrics",
    "127.0.0.1:0",
    "--no-prechecks",
    "--protocol",
    "quic",
];

#[tokio::test(flavor = "multi_thread")]
async fn both_signals_end_it_with_code_0_and_a_second_one_at_once() {
    for program in Program::both("both_signals_end_it_with_code_0_and_a_second_one_at_once") {
        for signal in [Signal::TERM, Signal::INT] {
            let scene = Scene::build();
            let mut command = scene.command(&program, &WORDS);
            command
                .args(["--grace-period", "500ms", "run"])
                .env("TUNNEL_TOKEN", scene.token.encode());
            let mut running = scene.start(&program, command);
            scene.registered(4).await;
            running.0.signal(signal);
            assert_eq!(running.0.ended().await.code(), Some(0), "{program}, {signal:?}");
            assert!(running.has_line(&["Initiating graceful shutdown due to signal"]));
        }
        let scene = Scene::build();
        let mut command = scene.command(&program, &WORDS);
        command
            .args(["--grace-period", "60s", "run"])
            .env("TUNNEL_TOKEN", scene.token.encode());
        let mut running = scene.start(&program, command);
        scene.registered(4).await;
        let connection = scene.edge.live().pop().unwrap();
        let (opened, begun) = tokio::sync::oneshot::channel();
        let mut asking = tokio::task::JoinSet::new();
        asking.spawn(async move {
            let exchange = connection.open(&events(), b"").await;
            let _ = opened.send(());
            std::future::pending::<()>().await;
            drop(exchange);
        });
        begun.await.unwrap();
        running.0.signal(Signal::TERM);
        running.line("Initiating graceful shutdown").await;
        let second = Instant::now();
        running.0.signal(Signal::TERM);
        running.0.ended().await;
        assert!(second.elapsed() < Duration::from_secs(5), "{program}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_from_the_signal_on_while_what_runs_is_finished() {
    for program in Program::both("it_is_not_ready_from_the_signal_on_while_what_runs_is_finished") {
        let scene = Scene::build();
        let mut command = scene.command(&program, &WORDS);
        command
            .args(["--grace-period", "4s", "run"])
            .env("TUNNEL_TOKEN", scene.token.encode());
        let mut running = scene.start(&program, command);
        scene.registered(4).await;
        running.ready(4).await;
        let metrics = running.metrics().await;
        let connection = scene.edge.live().pop().unwrap();
        let _exchange = connection.open(&events(), b"").await;
        // The stream is answered, so it is there.
        wait_for("an answer", async || {
            connection.get("any.example.com", "/").await.status == 200
        })
        .await;
        running.0.signal(Signal::TERM);
        let told = Instant::now();
        wait_for("no readiness", async || {
            let answer = client::get(metrics, "localhost", "/ready").await;
            answer.is_ok_and(|answer| answer.status == 503 && answer.json()["readyConnections"] == 0)
        })
        .await;
        assert!(told.elapsed() < Duration::from_secs(3), "{program}");
        assert!(running.0.is_running(), "{program}: a request still runs");
        assert_eq!(running.0.ended().await.code(), Some(0), "{program}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_after_the_signal_was_sent_hears_that_it_is_not_ready() {
    // The stock client may still say that it is.
    for program in Program::both("whoever_asks_after_the_signal_was_sent_hears_that_it_is_not_ready")
        .into_iter()
        .filter(|it| it.is_ours)
    {
        let scene = Scene::build();
        let mut command = scene.command(&program, &WORDS);
        command
            .args(["--grace-period", "60s", "run"])
            .env("TUNNEL_TOKEN", scene.token.encode());
        let running = scene.start(&program, command);
        scene.registered(4).await;
        running.ready(4).await;
        let metrics = running.metrics().await;
        let connection = scene.edge.live().pop().unwrap();
        let _exchange = connection.open(&events(), b"").await;
        // Signal and questions wait together, and the program gets to all of them at once.
        running.0.hold().await;
        running.0.signal(Signal::TERM);
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = TcpStream::connect(metrics).await.unwrap();
            let question = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            client.write_all(question).await.unwrap();
            clients.push(client);
        }
        running.0.signal(Signal::CONT);
        for mut client in clients {
            let mut answer = String::new();
            within("an answer", client.read_to_string(&mut answer))
                .await
                .unwrap();
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_leaves_it_running() {
    // It ends the stock client; here it reads the rules again.
    for program in Program::both("a_hangup_leaves_it_running")
        .into_iter()
        .filter(|it| it.is_ours)
    {
        let scene = Scene::build();
        let credentials = scene.write("credentials.json", &scene.credentials());
        let config = |status| {
            format!(
                "tunnel: {}\ncredentials-file: {}\nmetrics: 127.0.0.1:0\ngrace-period: 1s\ningress: [{{service: \
                 'http_status:{status}'}}]\n",
                scene.token.tunnel.tunnel,
                credentials.display()
            )
        };
        let file = scene.write("config.yml", &config(201));
        let words = ["tunnel", "--config", file.to_str().unwrap(), "run"];
        let mut running = scene.start(&program, scene.command(&program, &words));
        scene.registered(1).await;
        assert_eq!(scene.status_of("any.example.com", "/").await, 201);
        scene.write("config.yml", &config(202));
        running.0.signal(Signal::HUP);
        wait_for("the new rules", async || {
            scene.status_of("any.example.com", "/").await == 202
        })
        .await;
        assert!(running.0.terminate().await.success());
    }
}

/// A request for an answer that never ends.
fn events() -> adit_wire::RequestHead {
    adit_wire::RequestHead {
        kind: adit_wire::FlowKind::Http,
        dest: "http://any.example.com/sse?freq=100ms".to_owned(),
        method: http::Method::GET,
        host: "any.example.com".to_owned(),
        headers: http::HeaderMap::new(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}
