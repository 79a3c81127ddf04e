//! A whole Adit: started on free ports, asked, stopped, killed and started again.

use std::os::unix::fs::PermissionsExt;

use adit_testing::{client, process::Process, wait_for};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    connector::Connector,
    support::{Adit, binary, run_in},
};

#[tokio::test]
async fn up_writes_run_json_and_removes_it_at_a_clean_stop() {
    let mut adit = Adit::start(&["--no-demo"]).await;
    let dir = adit.dir();
    assert_eq!(adit.run["pid"], adit.process.id());
    assert_eq!(adit.run["domain"], "adit.localhost");
    assert!(adit.run["demo_url"].is_null());
    for listener in ["api", "edge", "http", "https", "metrics", "mesh"] {
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
        "keys/management.key",
        "keys/mesh.key",
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
async fn a_management_key_is_rotated_in_a_data_directory_only() {
    let home = TempDir::new().unwrap();
    let args = ["management-key", "rotate"];
    let nowhere = run_in(home.path(), &[], &args).await;
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(nowhere.stderr.contains("adit up"), "{nowhere:?}");

    let adit = Adit::start_in(home, &[], &["--no-demo"]).await;
    let rotated = run_in(adit.home.path(), &[], &args).await;
    assert!(rotated.stdout.contains("key 2"), "{rotated:?}");
    assert!(adit.dir().join("keys/management.old-1.key").exists());
    let revoked = run_in(adit.home.path(), &[], &["management-key", "rotate", "--revoke"]).await;
    assert!(revoked.stdout.contains("key 3"), "{revoked:?}");
    assert!(revoked.stderr.contains("cloudflared tail"), "{revoked:?}");
    assert!(!adit.dir().join("keys/management.old-1.key").exists());
}

#[tokio::test]
async fn up_is_ready_once_its_demo_answers_and_says_so_last() {
    let adit = Adit::start(&[]).await;
    let url = format!("http://hello.adit.localhost:{}/", adit.listener("http").port());
    assert_eq!(adit.run["demo_url"], url);
    let answer = client::get(adit.listener("http"), "hello.adit.localhost", "/")
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let lines = adit.process.lines();
    let place = |part: &str| {
        lines
            .iter()
            .position(|line| line.contains(part))
            .unwrap_or_else(|| panic!("no {part:?}"))
    };
    let api = format!("http://{}/client/v4", adit.listener("api"));
    let places = [
        place("has made in"),
        place(&format!("Demo  {url}")),
        place(&format!("API   {api}")),
        place("  curl http://hello"),
        place("  cloudflared tunnel run"),
        place("Adit's own connector"),
        lines.iter().position(|line| line == "ready").unwrap(),
    ];
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_demo_survives_a_restart_and_leaves_a_users_record_alone() {
    let mut adit = Adit::start(&[]).await;
    let list = adit.command(&["tunnel", "list"]).await.stdout;
    adit.process.terminate().await;
    let mut adit = Adit::start_in(adit.home, &[], &[]).await;
    let id = |list: &str| list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    let again = adit.command(&["tunnel", "list"]).await.stdout;
    assert_eq!(id(&again), id(&list));
    assert_eq!(again.lines().count(), 3);

    adit.command(&["tunnel", "create", "mine"]).await;
    let outcome = adit
        .command(&["tunnel", "route", "dns", "-f", "mine", "hello.adit.localhost"])
        .await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    adit.process.terminate().await;
    let adit = Adit::start_in(adit.home, &[], &[]).await;
    assert!(adit.run["demo_url"].is_null());
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_open_streams() {
    let mut adit = Adit::start(&["--no-demo"]).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connector =
        Connector::start(&adit, "shop", &format!("http://{}", silent.local_addr().unwrap())).await;
    connector.ready(1).await;
    let http = adit.listener("http");
    let mut clients = tokio::task::JoinSet::new();
    clients.spawn(async move {
        client::get(http, "shop.adit.localhost", "/")
            .await
            .map(drop)
            .map_err(drop)
    });
    // The origin has the request and will never answer it.
    let _open = silent.accept().await.unwrap();

    adit.process.signal(Signal::TERM);
    adit.process.line("stopping").await;
    assert!(adit.process.is_running());
    adit.process.signal(Signal::TERM);
    assert_eq!(adit.process.ended().await.code(), Some(1));
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
        "--mesh-listen",
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
    // A process may have ended before all that it wrote was read.
    adit.process.line("\"message\":\"stopped\"").await;
    let lines = adit.process.lines();
    let logged = lines.iter().filter(|line| line.starts_with('{'));
    for line in logged {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[tokio::test]
async fn a_server_takes_its_settings_from_a_file() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("adit.toml");
    let listeners: String = ["api", "edge", "http", "https", "metrics", "mesh"]
        .map(|name| format!("[{name}]\nlisten = \"127.0.0.1:0\"\n"))
        .concat();
    let text = format!(
        "data_dir = \"{}\"\ndomain = \"example.com\"\n{listeners}",
        home.path().join("state").display()
    );
    std::fs::write(&path, text).unwrap();
    let mut command = binary(home.path());
    command
        .args(["server", "--config"])
        .arg(&path)
        .args(["--edge-advertise", "edge.example.com:7844"]);
    let mut process = Process::spawn("adit server", command);
    process.line("example.com (").await;
    wait_for("ready", async || {
        process.lines().iter().any(|line| line == "ready")
    })
    .await;
    let dir = home.path().join("state").display().to_string();
    let outcome = run_in(home.path(), &[], &["env", "--data-dir", &dir]).await;
    assert!(
        outcome
            .stdout
            .contains("TUNNEL_EDGE=edge.example.com:7844,edge.example.com:7844"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stdout
            .contains("TUNNEL_MANAGEMENT_HOSTNAME=management.example.com\n"),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains("hello"));
    assert!(process.terminate().await.success());
}

#[tokio::test]
async fn the_soft_limit_of_open_files_becomes_the_hard_one() {
    let adit = Adit::start(&["--no-demo"]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", adit.process.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let [soft, hard] = [3, 4].map(|word| line.split_whitespace().nth(word).unwrap());
    assert_eq!(soft, hard, "{line}");
}

#[tokio::test]
async fn a_hangup_reads_the_configuration_again() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("adit.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("[log]\nlevel = \"info\"\n");
    let path = file.to_str().unwrap().to_owned();
    let adit = Adit::start_in(
        home,
        &[],
        &["--no-demo", "--log-format", "json", "--config", &path],
    )
    .await;

    write("[log]\nlevel = \"info,adit=debug\"\n[http]\nmax_headers = 50\n");
    adit.process.signal(Signal::HUP);
    let line = adit.process.line("configuration read again").await;
    assert!(line.contains(r#""log_level":"info,adit=debug""#), "{line}");
    assert!(line.contains(r#""needs_restart":"http.max_headers""#), "{line}");

    write("[log]\nlevel = \"loud\"\n");
    adit.process.signal(Signal::HUP);
    let line = adit.process.line("nothing changes").await;
    assert!(line.contains("adit.toml:2"), "{line}");
    assert!(line.contains("loud"), "{line}");
}

#[tokio::test]
async fn a_hangup_ends_an_up_that_has_no_configuration_to_read() {
    let mut adit = Adit::start(&["--no-demo"]).await;
    adit.process.signal(Signal::HUP);
    assert!(!adit.process.ended().await.success());
}
