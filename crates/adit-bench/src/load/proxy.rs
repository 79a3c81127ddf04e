//! The way to a private address: an HTTP proxy that opens connections.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest head of an answer, bytes.
const LONGEST_HEAD: usize = 4096;

/// A proxy, and what it is told.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    request: String,
}

impl Proxy {
    /// Opens connections to `to` for a user with this name and password.
    pub(crate) fn new(to: SocketAddr, user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        let request = format!(
            "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n"
        );
        Self { request }
    }

    /// Has it open one on a connection to it.
    pub(super) async fn open(&self, stream: &mut TcpStream) -> anyhow::Result<()> {
        stream.write_all(self.request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            ensure!(head.len() < LONGEST_HEAD, "the proxy's answer has no end");
            // Byte by byte, since what follows is the far end's.
            head.push(stream.read_u8().await.context("the proxy has hung up")?);
        }
        ensure!(
            head.starts_with(b"HTTP/1.1 200"),
            "the proxy answers {}",
            String::from_utf8_lossy(&head).lines().next().unwrap_or_default()
        );
        Ok(())
    }
}
