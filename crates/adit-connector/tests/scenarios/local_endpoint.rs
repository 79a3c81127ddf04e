//! The local HTTP endpoint.

use std::sync::Arc;

use crate::support::{Running, single};
use adit_connector::{LocalEndpoint, LocalView};
use adit_testing::scripted::ScriptedEdge;
use adit_testing::wait_for;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

async fn get(addr: std::net::SocketAddr, path: &str) -> (String, String) {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

async fn json(addr: std::net::SocketAddr, path: &str) -> Value {
    let (status, body) = get(addr, path).await;
    assert_eq!(status, "HTTP/1.1 200 OK", "{path}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn readiness_health_and_metrics_are_told() {
    let edge = ScriptedEdge::start();
    let mut config = single(&edge, "http_status:204", 2);
    config.reported_flags.insert("ha".to_owned(), json!(2));
    let mut connector = Running::start(config);
    let render = Arc::new(|| "# metrics\n".to_owned());
    let loopback = "127.0.0.1:0".parse().unwrap();
    let view = LocalView {
        quick_tunnel: Some("quick.example".to_owned()),
        ..connector.view(render)
    };
    let endpoint = LocalEndpoint::bind(Some(loopback), view).await.unwrap();
    let addr = endpoint.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(endpoint.run());
    let id = connector.status.connector_id();

    wait_for("readiness", async || connector.status.ready_connections() == 2).await;
    let ready = format!("{{\"status\":200,\"readyConnections\":2,\"connectorId\":\"{id}\"}}");
    assert_eq!(get(addr, "/ready").await, ("HTTP/1.1 200 OK".to_owned(), ready));
    assert_eq!(get(addr, "/healthcheck").await.1, "OK\n");
    let metrics = get(addr, "/metrics").await.1;
    assert!(metrics.starts_with("# metrics\n"), "{metrics}");
    assert!(metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");
    assert_eq!(get(addr, "/elsewhere").await.0, "HTTP/1.1 404 Not Found");
    assert_eq!(
        get(addr, "/quicktunnel").await.1,
        r#"{"hostname":"quick.example"}"#
    );
    assert_eq!(
        get(addr, "/debug/pprof/cmdline").await.0,
        "HTTP/1.1 403 Forbidden"
    );
    assert_eq!(get(addr, "/debug/pprof/heap").await.0, "HTTP/1.1 404 Not Found");
    let config = json(addr, "/config").await;
    assert_eq!(
        (&config["version"], &config["config"]["ingress"][0]["service"]),
        (&json!(-1), &json!("http_status:204"))
    );
    assert_eq!(json(addr, "/diag/configuration").await["ha"], "2");
    assert_eq!(json(addr, "/diag/system").await["errors"], json!({}));
    let tunnel = json(addr, "/diag/tunnel").await;
    assert_eq!(tunnel["connectorID"], id.to_string());
    assert_eq!(tunnel["connections"][1]["edgeAddress"], "127.0.0.1");
    assert_eq!(tunnel["connections"][1]["index"], 1);
    let verbose = json(addr, "/ready?verbose").await;
    assert_eq!(verbose["connections"].as_array().unwrap().len(), 2);

    connector.shutdown.drain();
    connector.ended().await.unwrap();
    let gone = format!("{{\"status\":503,\"readyConnections\":0,\"connectorId\":\"{id}\"}}");
    assert_eq!(
        get(addr, "/ready").await,
        ("HTTP/1.1 503 Service Unavailable".to_owned(), gone)
    );
}
