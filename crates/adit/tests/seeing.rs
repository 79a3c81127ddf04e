//! What an operator sees of a request: its line in the access log, its counters, and the page when it fails.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use adit_testing::{client::get, origin::Origin, wait_for, wait_for_some};
use serde_json::{Value, json};
use support::{DOMAIN, Server};

/// The access log's line of the request with this `Cf-Ray`.
async fn line_of(server: &Server, ray: &str) -> Value {
    let id = ray.split('-').next().unwrap();
    let line = server.process.line(&format!(r#""ray":"{id}""#)).await;
    serde_json::from_str(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_logged_with_the_way_it_took_and_counted() {
    let server = Server::start_with(&["--no-demo", "--log-format", "json"]).await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let _connector = server.connect(&tunnel, &origin.url()).await;

    let answer = server.get(&tunnel.host, "/cart?secret=1").await;
    let line = line_of(&server, answer.headers["cf-ray"].to_str().unwrap()).await;
    for (field, value) in [
        ("host", tunnel.host.as_str()),
        ("path", "/cart"),
        ("method", "GET"),
        ("version", "HTTP/1.1"),
        ("tunnel.id", &tunnel.id),
        ("transport", "quic"),
        ("end", "complete"),
    ] {
        assert_eq!(line[field], value, "{field} of {line}");
    }
    assert_eq!(line["status"], 200);
    assert_eq!(line["response_bytes"], 5);
    assert_eq!(line["asked"], 1);
    assert!(!line.to_string().contains("secret"), "{line}");
    let [sent, head, total] = ["sent_ms", "head_ms", "total_ms"].map(|field| line[field].as_f64().unwrap());
    assert!(0.0 < sent && sent <= head && head <= total, "{line}");

    let metrics = server.listener("metrics");
    for expected in [
        format!(
            r#"adit_host_responses_total{{host="{}",class="2xx"}} 1"#,
            tunnel.host
        ),
        format!(r#"adit_tunnel_response_bytes_total{{tunnel="{}"}} 5"#, tunnel.id),
    ] {
        wait_for_some(&expected, async || {
            let text = get(metrics, "localhost", "/metrics").await.ok()?;
            text.text().contains(&expected).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_edge_names_the_hop_and_the_request() {
    let server = Server::start_with(&["--no-demo", "--log-format", "json"]).await;
    let tunnel = server.tunnel("shop").await;
    wait_for("the edge to know the name", async || {
        server.status(&tunnel.host).await == 530
    })
    .await;
    let nobody = server.get(&format!("nobody.{DOMAIN}"), "/").await;
    let unconnected = server.get(&tunnel.host, "/").await;
    let origin = Origin::start().await;
    let _connector = server.connect(&tunnel, &origin.url()).await;
    drop(origin);
    let unreachable = server.get(&tunnel.host, "/").await;
    for (answer, status, hop) in [
        (nobody, 404, "edge"),
        (unconnected, 530, "connector"),
        (unreachable, 502, "origin"),
    ] {
        let ray = answer.headers["cf-ray"].to_str().unwrap();
        assert_eq!(answer.status, status);
        assert!(
            answer.text().contains(&format!("failed at: {hop}")),
            "{}",
            answer.text()
        );
        assert!(
            answer.text().contains(&format!("ray: {ray}")),
            "{}",
            answer.text()
        );
        let line = line_of(&server, ray).await;
        assert_eq!(line["failed_at"], hop, "{line}");
        assert_eq!(line["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_logged_when_it_ends() {
    let server = Server::start_with(&["--no-demo", "--log-format", "json"]).await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let _connector = server.connect(&tunnel, &origin.url()).await;
    let way = adit_testing::scenes::Way::plain(server.listener("http"), "shop.adit.localhost");
    adit_testing::scenes::a_websocket_carries_bytes_both_ways(way, &origin).await;
    let line = server.process.line(r#""path":"/websocket""#).await;
    let fields: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(fields["status"], 101);
    assert_eq!(fields["end"], "complete");
    assert!(fields["request_bytes"].as_u64() > Some(1_060_000), "{fields}");
    assert!(fields["response_bytes"].as_u64() > Some(1_060_000), "{fields}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_above_its_host_names_limit_is_refused_with_a_page_and_a_line() {
    let server = Server::start_with(&["--no-demo", "--log-format", "json"]).await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let _connector = server.connect(&tunnel, &origin.url()).await;
    let limits = format!("/adit/hosts/{}/limits", tunnel.host);
    let one = json!({"requests_per_second": 1, "burst": 1});
    server.api("PUT", &limits, one).await;
    // The edge follows within moments, and the first request takes the only token.
    let refused = wait_for_some("a refusal", async || {
        let answer = server.get(&tunnel.host, "/").await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(
        refused.text().contains("requests_per_second"),
        "{}",
        refused.text()
    );
    let line = line_of(&server, refused.headers["cf-ray"].to_str().unwrap()).await;
    assert_eq!(line["status"], 429);
    assert_eq!(line["failed_at"], "edge");
    assert_eq!(line["failure"], "limit requests_per_second");

    server.api("PUT", &limits, json!({})).await;
    let mut free = 0;
    wait_for_some("ten answers in a row", async || {
        let answer = server.get(&tunnel.host, "/").await;
        free = if answer.status == 200 { free + 1 } else { 0 };
        (free == 10).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_changes_while_the_server_runs() {
    let server = Server::start_with(&["--no-demo", "--log-format", "json"]).await;
    let path = "/adit/log_level";
    assert_eq!(server.whole_api("GET", path, json!({})).await["level"], "info");
    let host = format!("nobody.{DOMAIN}");
    for (level, name) in [("info,adit::access=off", "/unseen"), ("info", "/seen")] {
        let set = server.whole_api("PUT", path, json!({"level": level})).await;
        assert_eq!(set["level"], level);
        server.get(&host, name).await;
    }
    server.process.line(r#""path":"/seen""#).await;
    let lines = server.process.lines();
    assert!(!lines.iter().any(|line| line.contains("/unseen")), "{lines:?}");
}
