//! `adit tunnel run` with a configuration file as the stock client has it, which changes while the connector runs.

use std::path::{Path, PathBuf};

use adit_testing::{client, wait_for};
use rustix::process::Signal;

use crate::{connector::Connector, support::Adit};

/// The file of a connector with two connections over HTTP/2.
fn config(token_file: &Path, service: &str) -> String {
    format!(
        "token-file: {}\nno-autoupdate: true\nprotocol: http2\nha-connections: 2\nretries: 3\n\
         originRequest:\n  connectTimeout: 5s\n\
         ingress:\n  - hostname: shop.adit.localhost\n    path: ^/only$\n    service: http_status:299\n  \
         - service: {service}\n",
        token_file.display()
    )
}

struct Scene {
    adit: Adit,
    file: PathBuf,
    token_file: PathBuf,
    connector: Connector,
}

impl Scene {
    async fn start() -> Self {
        let adit = Adit::start(&["--no-demo"]).await;
        for args in [
            ["tunnel", "create", "shop"].as_slice(),
            &["tunnel", "route", "dns", "shop", "shop"],
        ] {
            let outcome = adit.command(args).await;
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
        }
        let token = adit.command(&["tunnel", "token", "shop"]).await.stdout;
        let (file, token_file) = (
            adit.home.path().join("config.yml"),
            adit.home.path().join("token"),
        );
        std::fs::write(&token_file, token).unwrap();
        std::fs::write(&file, config(&token_file, "http_status:201")).unwrap();
        let args = ["--config", file.to_str().unwrap(), "run"];
        let connector = Connector::run(&adit, &[], &args).await;
        connector.ready(2).await;
        Self {
            adit,
            file,
            token_file,
            connector,
        }
    }

    /// As an editor does it: a new file in the place of the old one.
    fn save(&self, text: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }

    async fn answers(&self, path: &str, status: u16) {
        let http = self.adit.listener("http");
        wait_for(&format!("a {status}"), async || {
            let answer = client::get(http, "shop.adit.localhost", path).await;
            answer.is_ok_and(|answer| answer.status == status)
        })
        .await;
    }
}

#[tokio::test]
async fn a_configuration_file_gives_rules_and_flags_and_is_followed() {
    let mut scene = Scene::start().await;
    let registered = scene.connector.process.line("Registered tunnel connection").await;
    assert!(
        registered.contains("http2"),
        "a flag of the file counts: {registered}"
    );
    scene.answers("/only", 299).await;
    scene.answers("/", 201).await;

    scene.save(&config(&scene.token_file, "http_status:202"));
    scene.answers("/", 202).await;

    scene.save("ingress:\n  - hostname: shop.adit.localhost\n    service: http_status:203\n");
    let line = scene.connector.process.line("the old ones stay").await;
    assert!(
        line.contains("The last ingress rule must match all URLs"),
        "{line}"
    );
    scene.answers("/", 202).await;

    scene.save(&config(&scene.token_file, "http_status:204"));
    scene.connector.process.signal(Signal::HUP);
    scene.answers("/", 204).await;
    assert!(scene.connector.process.terminate().await.success());
}

#[tokio::test]
async fn rules_that_make_no_sense_are_told_before_anything_is_dialled() {
    let adit = Adit::start(&["--no-demo"]).await;
    let file = adit.home.path().join("config.yml");
    std::fs::write(&file, "ingress:\n  - service: nonsense\n").unwrap();
    let args = [
        "tunnel",
        "--config",
        file.to_str().unwrap(),
        "run",
        "--token",
        "x",
    ];
    let outcome = adit.command(&args).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("nonsense is an invalid address"),
        "{outcome:?}"
    );
}
