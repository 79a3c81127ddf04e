//! A client of the proxy.

use std::net::SocketAddr;

use adit_testing::within;
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Says a SOCKS greeting and a login; the answer's status.
pub(crate) async fn login(proxy: SocketAddr, user: &str, password: &str) -> (TcpStream, u8) {
    let mut client = TcpStream::connect(proxy).await.unwrap();
    client.write_all(&[5, 1, 2]).await.unwrap();
    let mut chosen = [0; 2];
    within("the method", client.read_exact(&mut chosen))
        .await
        .unwrap();
    assert_eq!(chosen, [5, 2]);
    let mut login = vec![1];
    for text in [user, password] {
        login.push(u8::try_from(text.len()).unwrap());
        login.extend(text.as_bytes());
    }
    client.write_all(&login).await.unwrap();
    let mut answer = [0; 2];
    within("the login's answer", client.read_exact(&mut answer))
        .await
        .unwrap();
    (client, answer[1])
}

/// A request of a SOCKS client.
pub(crate) fn request(command: u8, to: SocketAddr) -> Vec<u8> {
    let mut bytes = vec![5, command, 0];
    match to {
        SocketAddr::V4(to) => {
            bytes.push(1);
            bytes.extend(to.ip().octets());
        }
        SocketAddr::V6(to) => {
            bytes.push(4);
            bytes.extend(to.ip().octets());
        }
    }
    bytes.extend(to.port().to_be_bytes());
    bytes
}

/// A request of a SOCKS client for a name.
pub(crate) fn named_request(name: &str, port: u16) -> Vec<u8> {
    let mut bytes = vec![5, 1, 0, 3, u8::try_from(name.len()).unwrap()];
    bytes.extend(name.as_bytes());
    bytes.extend(port.to_be_bytes());
    bytes
}

/// Reads the answer to a SOCKS request: its code, and where the server's end is.
pub(crate) async fn reply(client: &mut TcpStream) -> (u8, SocketAddr) {
    let mut reply = [0; 10];
    within("the reply", client.read_exact(&mut reply)).await.unwrap();
    assert_eq!((reply[0], reply[2], reply[3]), (5, 0, 1));
    let ip: [u8; 4] = *reply[4..].first_chunk().unwrap();
    (
        reply[1],
        SocketAddr::from((ip, u16::from_be_bytes([reply[8], reply[9]]))),
    )
}

/// Says the head of a CONNECT.
pub(crate) async fn connect(proxy: SocketAddr, target: &str, login: Option<(&str, &str)>) -> TcpStream {
    let shown = login.map_or_else(String::new, |(user, password)| {
        let shown = BASE64_STANDARD.encode(format!("{user}:{password}"));
        format!("Proxy-Authorization: Basic {shown}\r\n")
    });
    let mut client = TcpStream::connect(proxy).await.unwrap();
    let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{shown}\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

/// Reads the head of an answer.
pub(crate) async fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    within("the answer's head", async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
    })
    .await;
    String::from_utf8(head).unwrap()
}
