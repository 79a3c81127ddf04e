//! WireGuard keys of nodes that change.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    time::Duration,
};

use adit_testing::{netns, process::Process, skip};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::scene::{Joined, Scene, Site, soon};

/// The key of the node, once it is settled.
fn key(scene: &Scene) -> Option<String> {
    let status = scene.status(&scene.sites.node_a, "node-a")?;
    let key = &status["key"];
    key["next"]
        .is_null()
        .then(|| key["public"].as_str().map(str::to_owned))?
}

async fn until_passing(scene: &Scene) {
    soon("pings from site A to site B", async || {
        scene.sites.host_a.reaches("10.20.0.10")
    })
    .await;
}

async fn until_other_key(scene: &Scene, before: &str) -> String {
    let mut now = None;
    soon("another key", async || {
        now = key(scene).filter(|key| key != before);
        now.is_some()
    })
    .await;
    now.unwrap()
}

/// Changes what a stopped node keeps.
fn edit(scene: &Scene, change: impl FnOnce(&mut Value)) {
    let path = scene.state("node-a").join("identity.json");
    let mut identity: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut identity);
    std::fs::write(path, identity.to_string()).unwrap();
}

fn restart(scene: &Scene, joined: &Joined) -> Process {
    let site = Site {
        id: joined.a.id.clone(),
        token: String::new(),
    };
    scene.node(&scene.sites.node_a, "node-a", &site, &[])
}

#[tokio::test]
async fn a_key_changes_under_a_tcp_stream_and_pings() {
    let name = "a_key_changes_under_a_tcp_stream_and_pings";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    let scene = Scene::start().await;
    let _joined = scene.join().await;
    let (near, far) = (&scene.sites.host_a, &scene.sites.host_b);
    let listener = far.inside(|| TcpListener::bind("10.20.0.10:0").unwrap());
    let at = listener.local_addr().unwrap();
    let mut stream = near.inside(|| TcpStream::connect_timeout(&at, Duration::from_secs(5)).unwrap());
    let (mut accepted, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut echo = |text: &[u8]| {
        stream.write_all(text).unwrap();
        let mut came = vec![0; text.len()];
        accepted.read_exact(&mut came).unwrap();
        accepted.write_all(&came).unwrap();
        stream.read_exact(&mut came).unwrap();
        assert_eq!(came, text);
    };
    echo(b"before");

    let before = key(&scene).unwrap();
    let mut pings = near.command("ping");
    pings.args(["-nq", "-i", "0.01", "-c", "400", "-W", "2", "10.20.0.10"]);
    let pings = pings.stdout(Stdio::piped()).spawn().unwrap();
    let told = scene.ask(&scene.sites.node_a, "node-a", &["rotate-key"]).unwrap();
    echo(b"after");
    let pinged = String::from_utf8(pings.wait_with_output().await.unwrap().stdout).unwrap();
    let after = key(&scene).unwrap();
    assert_ne!(after, before);
    assert!(
        told.contains(&format!("{after} now; before, it was {before}")),
        "{told}"
    );
    let counts = pinged
        .lines()
        .find(|line| line.contains("packets transmitted"))
        .unwrap();
    println!("{counts}");
    let received: u32 = counts
        .split(", ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(received >= 395, "{counts}");

    let shown = scene.ask(&scene.sites.node_a, "node-a", &["status"]).unwrap();
    assert!(
        shown.contains(&format!("{after}, 0 days old, changes in ")),
        "{shown}"
    );
    let kept = std::fs::read_to_string(scene.state("node-a").join("identity.json")).unwrap();
    assert!(!kept.contains("next_key"), "the old key is forgotten");
    echo(b"once more");
}

#[tokio::test]
async fn a_key_that_is_old_changes_by_itself_whenever_the_node_or_the_server_is_killed() {
    let name = "a_key_that_is_old_changes_by_itself_whenever_the_node_or_the_server_is_killed";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    let mut scene = Scene::start().await;
    let mut joined = scene.join().await;
    let first = key(&scene).unwrap();

    // It became old while the node was not running.
    joined.node_a.kill().await;
    edit(&scene, |identity| {
        identity["key_since"] = json!("2026-01-01T00:00:00Z")
    });
    joined.node_a = restart(&scene, &joined);
    let second = until_other_key(&scene, &first).await;
    until_passing(&scene).await;

    // Killed when the next key was kept, and nobody had been told.
    let mut old = Value::Null;
    let next = BASE64_STANDARD.encode([0x57; 32]);
    joined.node_a.kill().await;
    edit(&scene, |identity| {
        identity["next_key"] = json!(next);
        old = identity.clone();
    });
    joined.node_a = restart(&scene, &joined);
    let third = until_other_key(&scene, &second).await;
    until_passing(&scene).await;

    // Killed when the edge had taken the next key, and the node had not heard of that.
    joined.node_a.kill().await;
    edit(&scene, |identity| *identity = old.clone());
    joined.node_a = restart(&scene, &joined);
    assert_eq!(until_other_key(&scene, &second).await, third);
    until_passing(&scene).await;

    // The server, too.
    joined.node_a.kill().await;
    edit(&scene, |identity| *identity = old);
    scene.kill_server().await;
    joined.node_a = restart(&scene, &joined);
    scene.start_server().await;
    assert_eq!(until_other_key(&scene, &second).await, third);
    until_passing(&scene).await;

    // Killed when it had gone over: only what it keeps counts.
    joined.node_a.kill().await;
    joined.node_a = restart(&scene, &joined);
    until_passing(&scene).await;
    assert_eq!(key(&scene).unwrap(), third);
}

#[tokio::test]
async fn a_key_that_is_another_members_is_not_taken_and_packets_go_on() {
    let name = "a_key_that_is_another_members_is_not_taken_and_packets_go_on";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    let scene = Scene::start().await;
    let mut joined = scene.join().await;
    let own = key(&scene).unwrap();
    let path = scene.state("node-b").join("identity.json");
    let other: Value = serde_json::from_slice(&std::fs::read(Path::new(&path)).unwrap()).unwrap();
    joined.node_a.kill().await;
    edit(&scene, |identity| {
        identity["next_key"] = other["wireguard_key"].clone()
    });
    joined.node_a = restart(&scene, &joined);
    joined
        .node_a
        .line("the edge does not take the next WireGuard key")
        .await;
    until_passing(&scene).await;
    assert_eq!(key(&scene).unwrap(), own);
    // One that is new is taken.
    scene.ask(&scene.sites.node_a, "node-a", &["rotate-key"]).unwrap();
    assert_ne!(key(&scene).unwrap(), own);
    until_passing(&scene).await;
}
