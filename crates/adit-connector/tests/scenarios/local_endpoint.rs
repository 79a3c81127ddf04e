//! The local HTTP endpoint.

use std::sync::Arc;

use crate::support::{Running, single};
use adit_connector::LocalEndpoint;
use adit_testing::scripted::ScriptedEdge;
use adit_testing::wait_for;
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

#[tokio::test]
async fn readiness_health_and_metrics_are_told() {
    let edge = ScriptedEdge::start();
    let mut connector = Running::start(single(&edge, "http_status:204", 2));
    let render = Arc::new(|| "# metrics\n".to_owned());
    let loopback = "127.0.0.1:0".parse().unwrap();
    let endpoint = LocalEndpoint::bind(Some(loopback), connector.status.clone(), render)
        .await
        .unwrap();
    let addr = endpoint.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(endpoint.run());
    let id = connector.status.connector_id();

    wait_for("readiness", async || connector.status.ready_connections() == 2).await;
    let ready = format!("{{\"status\":200,\"readyConnections\":2,\"connectorId\":\"{id}\"}}");
    assert_eq!(get(addr, "/ready").await, ("HTTP/1.1 200 OK".to_owned(), ready));
    assert_eq!(get(addr, "/healthcheck").await.1, "OK\n");
    assert_eq!(get(addr, "/metrics").await.1, "# metrics\n");
    assert_eq!(get(addr, "/elsewhere").await.0, "HTTP/1.1 404 Not Found");

    connector.shutdown.drain();
    connector.ended().await.unwrap();
    let gone = format!("{{\"status\":503,\"readyConnections\":0,\"connectorId\":\"{id}\"}}");
    assert_eq!(
        get(addr, "/ready").await,
        ("HTTP/1.1 503 Service Unavailable".to_owned(), gone)
    );
}
