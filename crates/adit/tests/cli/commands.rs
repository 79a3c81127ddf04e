//! `adit tunnel …`: what is asked of the API, and what is printed. Columns, order, streams and requests are those
//! that cloudflared 2026.8.2 showed against the same answers.

use adit_wire::{CredentialsFile, TunnelToken};
use serde_json::{Value, json};

use crate::recording_api::{BLOG, RecordingApi, SHOP, TIME, ZONE, connection, list, ok, refused, tunnel};

const TOKEN: &str = "eyJhIjoiNjk5ZDk4NjQyYzU2NGQyZTg1NWU5NjYxODk5YjcyNTIiLCJzIjoiZUhoNGVIaDRlSGg0ZUhoNGVIaDRlSGg0ZUhoNGVIaDRlSGg0ZUhoNGVIZz0iLCJ0IjoiYzE3NDRmOGItZmFhMS00OGE0LTllNWMtMDJhYzkyMTQ2N2ZhIn0=";

fn answers(method: &str, target: &str) -> (u16, Value) {
    let blog = || {
        tunnel(
            BLOG,
            "blog",
            ["DFW", "dfw", "ams", "ams"].map(connection).to_vec(),
        )
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let below = path.strip_prefix("/cfd_tunnel");
    match (method, below) {
        ("GET", Some("")) if query.contains("name=blog") || query.contains("uuid=") => list(vec![blog()]),
        ("GET", Some("")) if query.contains("name=") => list(Vec::new()),
        ("GET", Some("")) => list(vec![blog(), tunnel(SHOP, "a-shop-with-a-long-name", Vec::new())]),
        ("POST", Some("")) => {
            let mut made = tunnel(BLOG, "blog", Vec::new());
            made["token"] = json!(TOKEN);
            ok(made)
        }
        ("GET", Some(below)) if below.ends_with("/token") => ok(json!(TOKEN)),
        ("GET", Some(below)) if below.ends_with("/connections") => ok(json!([{
            "id": "aaaaaaaa-42b3-473c-b108-ff3d10c0d925", "arch": "linux_amd64", "version": "2026.8.2",
            "features": ["a"], "run_at": TIME, "conns": [connection("dfw"), connection("ams"), connection("ams")],
        }])),
        ("DELETE", Some(below)) if below.ends_with("/connections") => ok(Value::Null),
        ("DELETE", Some(_)) if !query.contains("cascade") => refused(400, 1022, "still connected"),
        ("GET" | "DELETE", Some(_)) => ok(blog()),
        ("PUT", None) => ok(json!({"cname": "new", "name": "shop.adit.localhost", "dns_tag": "x"})),
        _ => refused(404, 7003, "no route"),
    }
}

#[tokio::test]
async fn list_prints_a_table_sorted_by_name() {
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["list"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let table = format!(
        "ID                                   NAME                    CREATED              CONNECTIONS         \n\
         {SHOP} a-shop-with-a-long-name 2025-02-18T22:41:43Z                     \n\
         {BLOG} blog                    2025-02-18T22:41:43Z 1xDFW, 2xams, 1xdfw \n"
    );
    let (hint, rest) = outcome.stdout.split_once('\n').unwrap();
    assert!(hint.contains("adit tunnel info"), "{hint}");
    assert_eq!(rest, table);
    assert_eq!(api.asked().await, ["GET /cfd_tunnel?is_deleted=false&page=1"]);
}

#[tokio::test]
async fn list_prints_json_with_the_fields_of_the_stock_client() {
    let api = RecordingApi::start(answers).await;
    let outcome = api
        .tunnel(&["list", "--output", "json", "--show-deleted", "-n", "blog"])
        .await;
    let printed: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let keys: Vec<_> = printed[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "name", "created_at", "deleted_at", "connections"]);
    assert_eq!(printed[0]["deleted_at"], "0001-01-01T00:00:00Z");
    let keys: Vec<_> = printed[0]["connections"][0]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        keys,
        [
            "colo_name",
            "id",
            "is_pending_reconnect",
            "origin_ip",
            "opened_at"
        ]
    );
    assert_eq!(api.asked().await, ["GET /cfd_tunnel?name=blog&page=1"]);
    assert_eq!(
        api.tunnel(&["list", "-o", "json", "-n", "none"]).await.stdout,
        "null\n"
    );
}

#[tokio::test]
async fn info_prints_a_block_and_a_table() {
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["info", "blog"]).await;
    assert_eq!(
        outcome.stdout,
        format!(
            "NAME:     blog\nID:       {BLOG}\nCREATED:  2025-02-18 22:41:43.534395 +0000 UTC\n\n\
             CONNECTOR ID                         CREATED              ARCHITECTURE VERSION  ORIGIN IP  EDGE         \n\
             aaaaaaaa-42b3-473c-b108-ff3d10c0d925 2025-02-18T22:41:43Z linux_amd64  2026.8.2 10.1.0.137 2xams, 1xdfw \n"
        )
    );
    assert_eq!(
        api.asked().await,
        [
            "GET /cfd_tunnel?is_deleted=false&name=blog&page=1".to_owned(),
            format!("GET /cfd_tunnel/{BLOG}/connections"),
            format!("GET /cfd_tunnel?page=1&uuid={BLOG}"),
            format!("GET /adit/tunnels/{BLOG}/configuration_status"),
        ]
    );
}

#[tokio::test]
async fn info_tells_what_each_connector_runs_and_why_it_refused() {
    fn with_status(method: &str, target: &str) -> (u16, Value) {
        if !target.ends_with("/configuration_status") {
            return answers(method, target);
        }
        ok(
            json!({"tunnel_id": BLOG, "version": 4, "source": "cloudflare", "connectors": [
                {"connector_id": "one", "running": {"version": 4, "since": TIME}, "refused": null},
                {"connector_id": "another", "running": null, "refused":
                    {"version": 4, "error": "Hostname cannot contain a port", "at": TIME}},
            ]}),
        )
    }
    let api = RecordingApi::start(with_status).await;
    let outcome = api.tunnel(&["info", "blog"]).await;
    let (_, told) = outcome.stdout.split_once("\n\nNewest ").unwrap();
    assert_eq!(
        told,
        "configuration: version 4\n\
         CONNECTOR ID CONFIGURATION SINCE                \n\
         one          version 4     2025-02-18T22:41:43Z \n\
         another      its own                            \n\
         another refused version 4 at 2025-02-18T22:41:43Z: Hostname cannot contain a port\n"
    );
    let theirs = api.tunnel(&["info", "-o", "json", "blog"]).await.stdout;
    assert!(!theirs.contains("refused"), "as stock clients print it: {theirs}");
}

#[tokio::test]
async fn create_writes_credentials_beside_the_login() {
    use std::os::unix::fs::PermissionsExt;
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["create", "blog"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let path = api.file(&format!("{BLOG}.json"));
    assert!(
        outcome
            .stdout
            .starts_with(&format!("Tunnel credentials written to {}. ", path.display()))
    );
    assert!(
        outcome
            .stdout
            .ends_with(&format!("\n\nCreated tunnel blog with id {BLOG}\n"))
    );
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o400
    );
    let credentials = CredentialsFile::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(credentials.secret.expose().len(), 32);
    let asked = api.asked().await;
    assert!(
        asked[0].starts_with("POST /cfd_tunnel {\"name\":\"blog\",\"tunnel_secret\":\""),
        "{asked:?}"
    );

    // The file is there now: the second tunnel's secret has no place, so the tunnel is taken back.
    let outcome = api.tunnel(&["create", "blog"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("deleted again"), "{outcome:?}");
    assert_eq!(
        api.asked().await[1],
        format!("DELETE /cfd_tunnel/{BLOG}?cascade=true")
    );
}

#[tokio::test]
async fn create_refuses_what_cannot_be_a_tunnel_before_asking() {
    let api = RecordingApi::start(answers).await;
    for (args, code) in [
        (vec!["create", BLOG], 1),
        (vec!["create", "--secret", "no base64!", "x"], 1),
        (vec!["create", "--secret", "c2hvcnQ=", "x"], 1),
        (vec!["create"], 2),
        (vec!["create", "a", "b"], 2),
        (vec!["create", "-o", "xml", "x"], 2),
    ] {
        assert_eq!(api.tunnel(&args).await.code, Some(code), "{args:?}");
    }
    assert!(api.asked().await.is_empty());
}

#[tokio::test]
async fn token_prints_the_token_or_writes_a_credentials_file() {
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["token", "blog"]).await;
    assert_eq!(outcome.stdout, format!("{TOKEN}\n"));
    assert!(TunnelToken::parse(&outcome.stdout).is_ok());
    let path = api.file("blog.json");
    let outcome = api
        .tunnel(&["token", "--cred-file", path.to_str().unwrap(), BLOG])
        .await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""));
    assert!(CredentialsFile::parse(&std::fs::read_to_string(path).unwrap()).is_ok());
}

#[tokio::test]
async fn route_dns_asks_for_the_record_and_logs_to_stderr() {
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["route", "dns", "-f", BLOG, "shop"]).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""));
    assert!(
        outcome.stderr.contains(" INF ") && outcome.stderr.contains("shop.adit.localhost"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.ends_with(&format!("tunnelID={BLOG}\n")));
    let body = r#"{"type":"dns","user_hostname":"shop","overwrite_existing":true}"#;
    assert_eq!(
        api.asked().await,
        [format!("PUT /zones/{ZONE}/tunnels/{BLOG}/routes {body}")]
    );
    assert_eq!(api.tunnel(&["route", "dns", BLOG, "no host"]).await.code, Some(1));
}

#[tokio::test]
async fn delete_forces_only_when_told_to() {
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["delete", "blog"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("still connected") && outcome.stderr.contains("--force"),
        "{outcome:?}"
    );
    api.asked().await;
    let outcome = api.tunnel(&["delete", "-f", BLOG]).await;
    assert_eq!(
        (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (Some(0), "", "")
    );
    let paths = [
        format!("GET /cfd_tunnel/{BLOG}"),
        format!("DELETE /cfd_tunnel/{BLOG}?cascade=true"),
    ];
    assert_eq!(api.asked().await, paths);
}

#[tokio::test]
async fn cleanup_closes_the_connections_of_one_connector() {
    let api = RecordingApi::start(answers).await;
    let connector = "aaaaaaaa-42b3-473c-b108-ff3d10c0d925";
    let outcome = api.tunnel(&["cleanup", "-c", connector, "blog"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let asked = api.asked().await;
    assert_eq!(
        asked[1],
        format!("DELETE /cfd_tunnel/{BLOG}/connections?client_id={connector}")
    );
}

#[tokio::test]
async fn flags_stand_before_or_after_the_command_with_one_dash_or_two() {
    let api = RecordingApi::start(answers).await;
    for args in [
        vec!["--output", "json", "--no-autoupdate", "list"],
        vec!["list", "-output=json", "-loglevel", "debug"],
        vec!["--no-prechecks=true", "list", "-o", "json", "--protocol", "quic"],
    ] {
        let outcome = api.tunnel(&args).await;
        assert!(outcome.stdout.starts_with("[\n"), "{args:?} {outcome:?}");
    }
}

#[tokio::test]
async fn an_unknown_name_or_an_absent_login_is_told_with_a_remedy() {
    let api = RecordingApi::start(answers).await;
    let outcome = api.tunnel(&["info", "nobody"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("nobody") && outcome.stderr.contains("tunnel list"),
        "{outcome:?}"
    );
    let outcome = api.tunnel(&["--origincert", "/nowhere/cert.pem", "list"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("/nowhere/cert.pem") && outcome.stderr.contains("try:"),
        "{outcome:?}"
    );
}
