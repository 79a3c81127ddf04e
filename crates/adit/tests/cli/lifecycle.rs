//! A whole Adit: started on free ports, asked, stopped, killed and started again.

use std::os::unix::fs::PermissionsExt;

use adit_testing::client;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{Adit, run_in};

#[tokio::test]
async fn up_writes_run_json_and_removes_it_at_a_clean_stop() {
    let mut adit = Adit::start(&["--no-demo"]).await;
    let dir = adit.dir();
    assert_eq!(adit.run["pid"], adit.process.id());
    assert_eq!(adit.run["domain"], "adit.localhost");
    assert!(adit.run["demo_url"].is_null());
    for listener in ["api", "edge", "http", "https", "metrics"] {
        assert_ne!(adit.listener(listener).port(), 0, "{listener}");
    }
    for file in [
        "run.json",
        "cert.pem",
        "adit.db",
        "keys/ca.key",
        "keys/edge.key",
        "keys/secrets.key",
        "keys/quic.key",
    ] {
        let mode = std::fs::metadata(dir.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(adit.process.terminate().await.success());
    assert!(!dir.join("run.json").exists());
    let outcome = run_in(adit.home.path(), &[], &["env"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("adit up"), "{outcome:?}");
}

#[tokio::test]
async fn env_names_everything_that_official_tools_need() {
    let adit = Adit::start(&["--no-demo"]).await;
    let variables = adit.variables().await;
    let names: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "CLOUDFLARE_BASE_URL",
            "CLOUDFLARE_API_TOKEN",
            "CLOUDFLARE_ACCOUNT_ID",
            "CLOUDFLARE_ZONE_ID",
            "TUNNEL_API_URL",
            "TUNNEL_EDGE",
            "TUNNEL_CACERT",
            "TUNNEL_ORIGIN_CERT",
            "TUNNEL_MANAGEMENT_HOSTNAME",
            "NO_AUTOUPDATE",
            "TUNNEL_NO_PRECHECKS",
            "SSL_CERT_FILE",
            "ADIT_QUICK_SERVICE",
        ]
    );
    let value = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .as_str()
    };
    assert_eq!(
        value("CLOUDFLARE_BASE_URL"),
        format!("http://{}/client/v4", adit.listener("api"))
    );
    assert_eq!(
        value("TUNNEL_EDGE"),
        [adit.listener("edge").to_string().as_str(); 4].join(",")
    );
    assert_eq!(value("TUNNEL_MANAGEMENT_HOSTNAME"), "management.adit.localhost");
    assert_eq!(
        value("CLOUDFLARE_ACCOUNT_ID"),
        adit.run["account_id"].as_str().unwrap()
    );
    for file in ["TUNNEL_CACERT", "TUNNEL_ORIGIN_CERT", "SSL_CERT_FILE"] {
        assert!(std::path::Path::new(value(file)).is_file(), "{file}");
    }
}

#[tokio::test]
async fn a_second_process_names_the_first_ones_pid() {
    let adit = Adit::start(&["--no-demo"]).await;
    let outcome = run_in(adit.home.path(), &[], &["up", "--no-demo"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains(&format!("pid {}", adit.process.id())),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn after_a_kill_it_starts_again_with_everything_it_acknowledged() {
    let mut adit = Adit::start(&["--no-demo"]).await;
    let outcome = adit.command(&["tunnel", "create", "shop"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let outcome = adit.command(&["tunnel", "route", "dns", "shop", "shop"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let token = adit.command(&["tunnel", "token", "shop"]).await.stdout;
    let variables = adit.variables().await;
    adit.process.kill().await;

    let adit = Adit::start_in(adit.home, &[], &["--no-demo"]).await;
    assert_eq!(adit.command(&["tunnel", "token", "shop"]).await.stdout, token);
    let again = adit.variables().await;
    assert_eq!(variables[1..4], again[1..4]);
    let hosts = run_in(adit.home.path(), &[], &["hosts"]).await.stdout;
    assert_eq!(
        hosts,
        "127.0.0.1 api.adit.localhost\n127.0.0.1 management.adit.localhost\n127.0.0.1 shop.adit.localhost\n"
    );
    let answer = client::get(adit.listener("http"), "shop.adit.localhost", "/")
        .await
        .unwrap();
    assert_eq!(answer.status, 530);
}

#[tokio::test]
async fn bootstrap_variables_are_the_credentials_of_the_first_start() {
    let token = "bootstrap-token-of-forty-characters-0123";
    let account = "699d98642c564d2e855e9661899b7252";
    let variables = [
        ("ADIT_BOOTSTRAP_API_TOKEN", token),
        ("ADIT_BOOTSTRAP_ACCOUNT_ID", account),
    ];
    let adit = Adit::start_in(TempDir::new().unwrap(), &variables, &["--no-demo"]).await;
    assert_eq!(adit.run["account_id"], account);
    let exported = adit.variables().await;
    assert_eq!(exported[1], ("CLOUDFLARE_API_TOKEN".to_owned(), token.to_owned()));
    assert_eq!(adit.command(&["tunnel", "list"]).await.code, Some(0));
}

#[tokio::test]
async fn the_metrics_listener_serves_prometheus() {
    let adit = Adit::start(&["--no-demo"]).await;
    client::get(adit.listener("http"), "nobody.adit.localhost", "/")
        .await
        .unwrap();
    let answer = client::get(adit.listener("metrics"), "localhost", "/metrics")
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .text()
            .contains("adit_http_responses_total{class=\"4xx\"} 1"),
        "{}",
        answer.text()
    );
    let answer = client::get(adit.listener("metrics"), "localhost", "/")
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn an_address_in_use_is_named_and_leaves_nothing_behind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = TempDir::new().unwrap();
    let free = "127.0.0.1:0";
    let args = [
        "up",
        "--no-demo",
        "--edge-listen",
        free,
        "--http-listen",
        free,
        "--https-listen",
        free,
        "--metrics-listen",
        free,
        "--api-listen",
        &address,
    ];
    let outcome = run_in(home.path(), &[], &args).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains(&address), "{outcome:?}");
    assert!(!outcome.stdout.contains("ready"));
    assert!(!home.path().join(".local/share/adit/run.json").exists());
}

#[tokio::test]
async fn interrupt_stops_it_too() {
    let mut adit = Adit::start(&["--no-demo", "--log-format", "json"]).await;
    adit.process.signal(Signal::INT);
    assert!(adit.process.ended().await.success());
    let lines = adit.process.lines();
    let logged = lines.iter().filter(|line| line.starts_with('{'));
    for line in logged {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(
        lines.iter().any(|line| line.contains("\"message\":\"stopped\"")),
        "{lines:?}"
    );
}
