//! Origins behind the proxies that the environment names.

use adit_net::proxy::EnvironmentProxies;
use adit_testing::scripted::{EdgeConnection, ScriptedEdge};
use adit_testing::within;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Running, head, single};

struct Scene {
    at: EdgeConnection,
    proxy: TcpListener,
    _edge: ScriptedEdge,
    _connector: Running,
}

impl Scene {
    async fn to(service: &str) -> Self {
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://me:se%3Acret@{}", proxy.local_addr().unwrap());
        let edge = ScriptedEdge::start();
        let mut config = single(&edge, service, 1);
        config.origin_proxies = EnvironmentProxies::read(|name| match name {
            "HTTP_PROXY" | "HTTPS_PROXY" => Some(url.clone()),
            "NO_PROXY" => Some("near.example".to_owned()),
            _ => None,
        });
        let connector = Running::start(config);
        Self {
            at: edge.connected(1).await.remove(0),
            proxy,
            _edge: edge,
            _connector: connector,
        }
    }

    /// The head of what the proxy is asked, and the connection.
    async fn asked(&self) -> (String, TcpStream) {
        let (mut client, _) = within("the proxy's client", self.proxy.accept()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within("the request", client.read_u8()).await.unwrap());
        }
        (String::from_utf8(head).unwrap(), client)
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_what_a_plain_origin_is_asked_for() {
    let scene = Scene::to("http://far.example:8080").await;
    let serving = async {
        let (head, mut client) = scene.asked().await;
        let body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        client.write_all(body).await.unwrap();
        (head, client)
    };
    let ((head, _client), answer) = tokio::join!(serving, scene.at.get("shop.example", "/a?b"));
    assert_eq!(answer.body, "hi");
    assert!(
        head.starts_with("GET http://far.example:8080/a?b HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("Host: shop.example\r\n"), "{head}");
    assert!(
        head.contains("Proxy-Authorization: Basic bWU6c2U6Y3JldA==\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_proxy_leads_to_an_origin_with_tls() {
    let scene = Scene::to("https://far.example").await;
    let serving = async {
        let (head, mut client) = scene.asked().await;
        client.write_all(b"HTTP/1.1 403 No\r\n\r\n").await.unwrap();
        head
    };
    let get = head(Method::GET, &[]);
    let failing = async { scene.at.open(&get, b"").await.failure().await };
    let (head, answer) = tokio::join!(serving, failing);
    assert!(head.starts_with("CONNECT far.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(answer.contains("403"), "{answer}");
}

#[tokio::test]
async fn what_is_on_this_machine_is_asked_without_a_proxy() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scene = Scene::to(&format!("http://{}", origin.local_addr().unwrap())).await;
    let serving = async {
        let (mut client, _) = within("the origin's client", origin.accept()).await.unwrap();
        client
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        client
    };
    let (_client, answer) = tokio::join!(serving, scene.at.get("h", "/"));
    assert_eq!(answer.status, 204);
}
