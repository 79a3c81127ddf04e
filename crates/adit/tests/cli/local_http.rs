//! What our connector tells over local HTTP, and by its management service, beside what the stock client tells.

use std::{collections::BTreeMap, path::PathBuf};

use adit_net::tls::TrustAnchors;
use adit_testing::{
    client,
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    skip, wait_for, within,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::Adit;

/// Families of metrics that only make sense in a process written in Go, or count what our transport does not tell.
const LEFT_OUT: [&str; 3] = ["go_", "promhttp_", "quic_client_max_udp_payload"];

/// Our binary under the stock client's name.
pub(crate) fn ours(home: &TempDir) -> PathBuf {
    let link = home.path().join("cloudflared");
    if link.exists() {
        return link;
    }
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_adit"), &link).unwrap();
    link
}

/// An Adit with the tunnel `shop`, and the token of that.
pub(crate) async fn shop() -> (Adit, String) {
    let adit = Adit::start(&["--no-demo"]).await;
    for args in [
        &["tunnel", "create", "shop"][..],
        &["tunnel", "route", "dns", "shop", "shop.adit.localhost"],
    ] {
        assert_eq!(adit.command(args).await.code, Some(0));
    }
    let token = adit.command(&["tunnel", "token", "shop"]).await.stdout;
    let token = token.trim().to_owned();
    (adit, token)
}

async fn text(connector: &Cloudflared, path: &str) -> (u16, String) {
    let answer = client::get(connector.metrics(), "localhost", path).await.unwrap();
    (answer.status.as_u16(), answer.text().to_owned())
}

async fn json(connector: &Cloudflared, path: &str) -> Value {
    serde_json::from_str(&text(connector, path).await.1).unwrap()
}

/// The families of metrics with their types and the names of their labels.
fn families(metrics: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let mut families: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut family = String::new();
    for line in metrics.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            family = name.to_owned();
            families.insert(family.clone(), (kind.to_owned(), Vec::new()));
        } else if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let names = labels.split("\",").filter_map(|label| label.split_once("=\""));
            let mut names: Vec<String> = names.map(|(name, _)| name.trim().to_owned()).collect();
            names.sort();
            families.get_mut(&family).unwrap().1 = names;
        }
    }
    families
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_connector_tells_over_local_http_what_the_stock_client_tells() {
    let Some(stock) = cloudflared::binary() else {
        let name = "our_connector_tells_over_local_http_what_the_stock_client_tells";
        return skip(name, cloudflared::ABSENT);
    };
    let (adit, token) = shop().await;
    let origin = Origin::start().await;
    let home = TempDir::new().unwrap();
    let (edge, ca) = (adit.listener("edge"), adit.dir().join("ca.pem"));
    let yaml = format!(
        "ingress:\n  - hostname: shop.adit.localhost\n    path: /a.*\n    service: {url}\n    originRequest:\n      \
         connectTimeout: 5s\n      noTLSVerify: true\n  - hostname: \"*.other.example\"\n    service: tcp://127.0.0.1:22\n  \
         - service: {url}\noriginRequest:\n  tlsTimeout: 3s\n",
        url = origin.url()
    );
    for protocol in Protocol::ALL {
        let options = |binary: &std::path::Path| {
            let options = Options::new(binary, edge, &ca, &token).over(protocol);
            options.configured(&yaml)
        };
        let ours = Cloudflared::start_ready(&options(&ours(&home)), 4).await;
        let theirs = Cloudflared::start_ready(&options(&stock), 4).await;
        // Each answers some.
        for _ in 0..16 {
            client::get(adit.listener("http"), "shop.adit.localhost", "/")
                .await
                .unwrap();
        }
        for path in [
            "/healthcheck",
            "/quicktunnel",
            "/config",
            "/nothing",
            "/debug/pprof/cmdline",
        ] {
            assert_eq!(
                text(&ours, path).await,
                text(&theirs, path).await,
                "{protocol} {path}"
            );
        }
        for path in ["/ready", "/diag/tunnel", "/diag/system", "/diag/configuration"] {
            assert_all_names(&json(&ours, path).await, &json(&theirs, path).await, path);
        }
        assert_eq!(text(&ours, "/debug/pprof/heap").await.0, 404);
        let ours = families(&text(&ours, "/metrics").await.1);
        let theirs = families(&text(&theirs, "/metrics").await.1);
        for (name, wanted) in theirs {
            if LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)) {
                continue;
            }
            // It counts errors that neither has had.
            assert_eq!(ours.get(&name), Some(&wanted), "{protocol} {name}");
        }
    }
}

/// That whatever the stock client tells is told, in the same type; values differ.
fn assert_all_names(ours: &Value, theirs: &Value, at: &str) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs {
                // Of its language, of flags with their defaults, and of what needs a right that a test may not have.
                if [
                    "goVersion",
                    "goArch",
                    "icmp_sources",
                    "index",
                    "cacert",
                    "edge",
                    "metrics",
                    "config",
                    "no-autoupdate",
                    "no-prechecks",
                ]
                .contains(&name.as_str())
                {
                    continue;
                }
                let ours = ours
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}: {name} is not told"));
                assert_all_names(ours, theirs, &format!("{at}.{name}"));
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                assert_all_names(ours, theirs, &format!("{at}[0]"));
            }
        }
        (ours, theirs) => assert_eq!(
            std::mem::discriminant(ours),
            std::mem::discriminant(theirs),
            "{at}: {ours} {theirs}"
        ),
    }
}

#[test]
fn families_have_a_type_and_the_names_of_their_labels() {
    let metrics = "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"a=b\"} 1\n# TYPE c gauge\nc 2\n";
    let read = families(metrics);
    assert_eq!(
        read["a"],
        ("counter".to_owned(), vec!["x".to_owned(), "y".to_owned()])
    );
    assert_eq!(read["c"], ("gauge".to_owned(), Vec::new()));
}

/// What is behind the management host, with a token for `resource`.
async fn managed(adit: &Adit, path: &str, resource: &str) -> (u16, String) {
    let made = adit
        .command(&["management", "token", "--resource", resource, "shop"])
        .await;
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let token = made["token"].as_str().unwrap();
    let anchors = TrustAnchors::from_pem(&std::fs::read(adit.dir().join("ca.pem")).unwrap()).unwrap();
    let uri = format!("https://management.adit.localhost{path}?access_token={token}");
    let request = http::Request::get(uri)
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let (head, mut body) = client::send_http2(adit.listener("https"), &anchors, request)
        .await
        .unwrap();
    let body = within("the body", body.read()).await.unwrap();
    (
        head.status().as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_management_service_of_our_connector_answers_as_the_token_allows() {
    let (adit, token) = shop().await;
    let home = TempDir::new().unwrap();
    let (edge, ca) = (adit.listener("edge"), adit.dir().join("ca.pem"));
    for protocol in Protocol::ALL {
        let options = Options::new(&ours(&home), edge, &ca, &token).over(protocol);
        let options = options
            .serving("http_status:204")
            .with(&["--management-hostname", "management.adit.localhost"])
            .with(&["--label", "cellar"]);
        let connector = Cloudflared::start_ready(&options, 4).await;
        let id = json(&connector, "/ready").await["connectorId"].clone();
        assert_eq!(managed(&adit, "/ping", "logs").await, (200, String::new()));
        let (status, details) = managed(&adit, "/host_details", "host_details").await;
        let details: Value = serde_json::from_str(&details).unwrap();
        let wanted = serde_json::json!({"connector_id": id, "ip": "127.0.0.1", "hostname": "custom:cellar"});
        assert_eq!((status, details), (200, wanted), "{protocol}");
        let (status, metrics) = managed(&adit, "/metrics", "admin").await;
        assert_eq!(status, 200, "{protocol}");
        assert!(
            metrics.contains("\ncloudflared_tunnel_ha_connections 4\n"),
            "{metrics}"
        );
        assert_eq!(managed(&adit, "/metrics", "logs").await.0, 403);
        assert_eq!(managed(&adit, "/debug/pprof/heap", "admin").await.0, 404);
        drop(connector);
        wait_for("no connector", async || {
            managed(&adit, "/ping", "logs").await.0 == 530
        })
        .await;
    }
}
