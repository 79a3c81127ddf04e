//! Points 15, 16 and 18 of the checklist: services that are not HTTP, inside WebSockets, to their last byte. (WebSockets
//! themselves: `a_websocket_carries_bytes_both_ways` with stock connectors, and those of `scripted_connector`.)

use std::{future::Future, net::SocketAddr, process::Stdio};

use adit_testing::{
    client::Flow,
    cloudflared::{self, Access, ConnectProxy, Protocol, access_ssh, access_tcp},
    origin::{Origin, pattern},
    wait_for, wait_for_some, within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use crate::support::stock::StockScene;

const LARGE: usize = 20_000_000;
const TCP: &str = "tcp.adit.localhost";
const SSH: &str = "ssh.adit.localhost";
const BASTION: &str = "bastion.adit.localhost";
const SOCKS: &str = "socks.adit.localhost";

/// Serves each client of a free port.
async fn service<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            clients.spawn(serve(client));
        }
    });
    (address, serving)
}

/// Sends back what comes.
async fn echo(mut client: TcpStream) {
    let (mut reader, mut writer) = client.split();
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
}

/// Greets, waits for a word, sends a lot and ends.
async fn tell(mut client: TcpStream) {
    client.write_all(b"SSH-2.0-Told\r\n").await.unwrap();
    client.read_u8().await.unwrap();
    let _ = client.write_all(&pattern(LARGE)).await;
}

/// A stock connector with a service of each kind. All of them but the SOCKS proxy lead to `service`.
async fn scene(test: &str, protocol: Protocol, service: SocketAddr) -> Option<StockScene> {
    let port = service.port();
    let config = format!(
        "ingress:\n  - hostname: {TCP}\n    service: tcp://{service}\n  - hostname: {SSH}\n    service: ssh://{service}\n  \
         - hostname: {BASTION}\n    service: bastion\n  - hostname: {SOCKS}\n    service: socks-proxy\n    \
         originRequest:\n      ipRules:\n        - prefix: 127.0.0.1/32\n          ports: [{port}]\n          \
         allow: true\n  - service: http_status:404\n"
    );
    let origin = Origin::start().await;
    let scene = StockScene::with(test, protocol, origin, |options| options.configured(&config)).await?;
    for host in [TCP, SSH, BASTION, SOCKS] {
        scene.edge.change(adit_core::port::Change::Host(
            host.parse().unwrap(),
            Some(scene.tunnel.key.into()),
        ));
    }
    wait_for("the routes", async || {
        Flow::open(scene.edge.http(), BASTION, &[])
            .await
            .err()
            .is_none_or(|error| !error.to_string().contains("404"))
    })
    .await;
    Some(scene)
}

async fn comes_back(flow: &mut Flow) {
    for size in [1, 1_000, 1_000_000] {
        let sent = pattern(size);
        flow.send(sent.clone()).await.unwrap();
        assert!(
            within("the echo", flow.exactly(size)).await.unwrap() == sent,
            "{size} bytes came back changed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_and_ssh_services_and_a_bastion_carry_bytes_both_ways() {
    let test = "tcp_and_ssh_services_and_a_bastion_carry_bytes_both_ways";
    for protocol in Protocol::ALL {
        let (address, _serving) = service(echo).await;
        let Some(scene) = scene(test, protocol, address).await else {
            return;
        };
        let destination = address.to_string();
        for (host, headers) in [
            (TCP, &[][..]),
            (SSH, &[]),
            (BASTION, &[("cf-access-jump-destination", destination.as_str())]),
        ] {
            let mut flow = Flow::open(scene.edge.http(), host, headers).await.unwrap();
            comes_back(&mut flow).await;
        }
        let nowhere = Flow::open(scene.edge.http(), BASTION, &[]).await;
        assert!(nowhere.is_err(), "a bastion led nowhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socks_proxy_leads_where_its_rules_allow() {
    let test = "a_socks_proxy_leads_where_its_rules_allow";
    for protocol in Protocol::ALL {
        let ((allowed, _serving), (other, _other)) = (service(echo).await, service(echo).await);
        let Some(scene) = scene(test, protocol, allowed).await else {
            return;
        };
        for (to, is_allowed) in [(allowed, true), (other, false)] {
            let mut flow = Flow::open(scene.edge.http(), SOCKS, &[]).await.unwrap();
            // RFC 1928: version 5, no authentication; then CONNECT to an IPv4 address.
            flow.send(vec![5, 1, 0]).await.unwrap();
            assert_eq!(within("the method", flow.exactly(2)).await.unwrap(), [5, 0]);
            let [high, low] = to.port().to_be_bytes();
            flow.send(vec![5, 1, 0, 1, 127, 0, 0, 1, high, low])
                .await
                .unwrap();
            let reply = within("the reply", flow.exactly(10)).await.unwrap();
            assert_eq!(reply[1] == 0, is_allowed, "{protocol} {reply:?}");
            if is_allowed {
                comes_back(&mut flow).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_sends_after_its_client_has_ended_its_side_arrives_whole() {
    let test = "what_a_service_sends_after_its_client_has_ended_its_side_arrives_whole";
    for protocol in Protocol::ALL {
        let (address, _serving) = service(tell).await;
        let Some(scene) = scene(test, protocol, address).await else {
            return;
        };
        let mut flow = Flow::open(scene.edge.http(), TCP, &[]).await.unwrap();
        flow.send("g").await.unwrap();
        flow.shut_down().await.unwrap();
        let mut told = Vec::new();
        while let Some(chunk) = within("the rest", flow.chunk()).await.unwrap() {
            told.extend_from_slice(&chunk);
        }
        assert_eq!(told.len(), 14 + LARGE, "{protocol}");
        assert!(told[14..] == pattern(LARGE), "{protocol}: it came changed");
    }
}

/// A proxy to the edge's public HTTPS, which is all that `access` dials: it makes `https` of `http`.
async fn to_https(scene: &StockScene) -> ConnectProxy {
    ConnectProxy::to(scene.edge.edge.addresses().https.unwrap()).await
}

/// A client of `access tcp`, which leads to the TCP service.
async fn access_client(scene: &StockScene, proxy: &ConnectProxy) -> (Access, TcpStream) {
    let binary = cloudflared::binary().unwrap();
    let url = format!("https://{TCP}");
    let (access, listen) = access_tcp(&binary, &url, proxy.addr(), &scene.edge.ca).await;
    // It says so a moment before it listens.
    let client = wait_for_some("access tcp", async || TcpStream::connect(listen).await.ok()).await;
    (access, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tcp_brings_every_byte_of_a_download() {
    let test = "access_tcp_brings_every_byte_of_a_download";
    for protocol in Protocol::ALL {
        let (address, _serving) = service(tell).await;
        let Some(scene) = scene(test, protocol, address).await else {
            return;
        };
        let proxy = to_https(&scene).await;
        let (_access, mut client) = access_client(&scene, &proxy).await;
        client.write_all(b"g").await.unwrap();
        let mut told = Vec::new();
        within("the download", client.read_to_end(&mut told))
            .await
            .unwrap();
        assert_eq!(told.len(), 14 + LARGE, "{protocol}");
        assert!(told[14..] == pattern(LARGE), "{protocol}: it came changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tcp_brings_every_byte_of_an_upload_that_ends() {
    let test = "access_tcp_brings_every_byte_of_an_upload_that_ends";
    for protocol in Protocol::ALL {
        let (counts, mut counted) = mpsc::unbounded_channel();
        let (address, _serving) = service(move |mut client| {
            let counts = counts.clone();
            async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = client.read(&mut buffer).await {
                    let _ = counts.send(read);
                }
            }
        })
        .await;
        let Some(scene) = scene(test, protocol, address).await else {
            return;
        };
        let proxy = to_https(&scene).await;
        let (_access, mut client) = access_client(&scene, &proxy).await;
        client.write_all(&pattern(LARGE)).await.unwrap();
        client.shutdown().await.unwrap();
        let mut arrived = 0;
        while arrived < LARGE {
            arrived += within("the upload", counted.recv()).await.unwrap();
        }
        assert_eq!(arrived, LARGE, "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_ssh_carries_stdin_and_stdout() {
    let test = "access_ssh_carries_stdin_and_stdout";
    for protocol in Protocol::ALL {
        let (address, _serving) = service(tell).await;
        let Some(scene) = scene(test, protocol, address).await else {
            return;
        };
        let binary = cloudflared::binary().unwrap();
        let (proxy, url) = (to_https(&scene).await, format!("https://{SSH}"));
        let (mut command, _home) = access_ssh(&binary, &url, proxy.addr(), &scene.edge.ca);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut access = command.stderr(Stdio::null()).spawn().unwrap();
        let (mut stdin, mut stdout) = (access.stdin.take().unwrap(), access.stdout.take().unwrap());
        let mut banner = [0; 14];
        within("the banner", stdout.read_exact(&mut banner))
            .await
            .unwrap();
        assert_eq!(&banner, b"SSH-2.0-Told\r\n");
        stdin.write_all(b"g").await.unwrap();
        let mut told = Vec::new();
        within("the rest", stdout.read_to_end(&mut told)).await.unwrap();
        assert!(told == pattern(LARGE), "{protocol}: {} bytes", told.len());
        within("its end", access.wait()).await.unwrap();
    }
}
