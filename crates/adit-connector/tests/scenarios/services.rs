//! Services other than an HTTP server on a port.

use adit_testing::within;
use adit_wire::FlowKind;
use http::Method;

use crate::support::{Tunnel, head};

#[tokio::test]
async fn fixed_statuses_answer_for_themselves_and_private_flows_need_an_address() {
    let tunnel = Tunnel::to("http_status:418").await;
    assert_eq!(tunnel.at.get("any.example", "/").await.status, 418);
    let mut tcp = head(Method::GET, &[]);
    tcp.kind = FlowKind::Tcp;
    let failure = tunnel.at.open(&tcp, b"").await.failure().await;
    assert_eq!(failure, "not an ip:port");
}

#[tokio::test]
async fn a_unix_socket_is_an_origin_too() {
    let dir = std::env::temp_dir().join(format!("adit-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("origin.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let tunnel = Tunnel::to(&format!("unix:{}", path.display())).await;
    let serving = async {
        let (mut unix, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        tokio::io::AsyncReadExt::read(&mut unix, &mut request)
            .await
            .unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix";
        tokio::io::AsyncWriteExt::write_all(&mut unix, answer)
            .await
            .unwrap();
    };
    let ((), answer) = within("the answer", async {
        tokio::join!(serving, tunnel.at.get("h", "/"))
    })
    .await;
    assert_eq!(answer.body, "unix");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn the_built_in_site_says_hello_and_escapes_the_host() {
    let tunnel = Tunnel::to("hello_world").await;
    let answer = tunnel.at.get("<b>.example", "/").await;
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    let page = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(page.contains("Hello from the other end of the tunnel") && page.contains("&lt;b&gt;.example"));
    assert!(
        tunnel
            .at
            .get("h", "/uptime")
            .await
            .body
            .starts_with(b"{\"uptime_seconds\":")
    );
}
