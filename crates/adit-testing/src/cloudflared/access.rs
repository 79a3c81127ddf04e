//! `cloudflared access`, which carries a TCP connection through a public host name.

use std::{net::SocketAddr, path::Path};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinSet,
};

use super::clean_command;
use crate::process::Process;

/// A running `cloudflared access` or `tail`. Dropping it kills it.
#[derive(Debug)]
pub struct Access {
    /// Its process.
    pub process: Process,
    pub(super) _home: TempDir,
}

/// Starts `access tcp`, which listens at the address that is returned and carries each client that comes there to
/// `url` by way of `proxy`; `ca` signed the certificate there.
///
/// # Panics
/// When it does not come up, showing what it wrote.
pub async fn access_tcp(binary: &Path, url: &str, proxy: SocketAddr, ca: &Path) -> (Access, SocketAddr) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let listen = free.expect("a free port");
    let (command, home) = access(binary, ["tcp", "--url", &listen.to_string()], url, proxy, ca);
    let process = Process::spawn("cloudflared access", command);
    process.line("Start Websocket listener").await;
    let access = Access { process, _home: home };
    (access, listen)
}

/// `access ssh` as an SSH client runs it, with the flow on stdin and stdout; and its home, which must live as long.
///
/// # Panics
/// When no temporary directory can be made.
#[must_use]
pub fn access_ssh(binary: &Path, url: &str, proxy: SocketAddr, ca: &Path) -> (Command, TempDir) {
    access(binary, ["ssh"], url, proxy, ca)
}

fn access<const N: usize>(
    binary: &Path,
    args: [&str; N],
    url: &str,
    proxy: SocketAddr,
    ca: &Path,
) -> (Command, TempDir) {
    let home = TempDir::new().expect("a temporary directory can be made");
    let mut command = clean_command(binary, home.path());
    let proxy = format!("http://{proxy}");
    command
        .arg("access")
        .args(args)
        .args(["--hostname", url])
        .env("HTTPS_PROXY", proxy)
        .env("SSL_CERT_FILE", ca);
    (command, home)
}

/// A proxy that takes every CONNECT to one place: a client without DNS reaches any host name through it.
#[derive(Debug)]
pub struct ConnectProxy {
    addr: SocketAddr,
    _serving: JoinSet<()>,
}

impl ConnectProxy {
    /// Starts one that leads to `place`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn to(place: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(async move { drop(carry(client, place).await) });
            }
        });
        Self {
            addr,
            _serving: serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn carry(mut client: TcpStream, place: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let mut there = TcpStream::connect(place).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut there).await?;
    Ok(())
}
