//! Points 17, 18 and 23 with unmodified cloudflared and with our own connector, for TCP; private host names, and datagrams
//! of a SOCKS client: both must do alike.

use std::{net::SocketAddr, time::Duration};

use adit_connector::ConnectorConfig;
use adit_net::private::PrivateDialError;
use adit_testing::{
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::pattern,
    resolver::Resolver,
    skip, wait_for, within,
};
use adit_wire::socks;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

use crate::{
    client::{login, named_request, reply, request},
    stage::{Stage, TOKEN},
    support::ours::OurConnector,
};

const LARGE: usize = 20_000_000;

/// Whose connector.
#[derive(Clone, Copy)]
enum Client {
    /// cloudflared, where it is present.
    Stock,
    Ours,
}

/// A connector that runs.
#[expect(dead_code, reason = "they are held")]
enum Running {
    Stock(Box<Cloudflared>),
    Ours(OurConnector),
}

/// What a connector is told.
#[derive(Default)]
struct Told {
    max_active_flows: Option<u64>,
    resolver: Option<SocketAddr>,
}

/// A connector of the stage's tunnel; `None` without the one that is asked for.
async fn connector(test: &str, client: Client, stage: &Stage, told: Told) -> Option<Running> {
    if let Client::Ours = client {
        let change = |config: &mut ConnectorConfig| {
            config.private.max_active_flows = told.max_active_flows;
            config.private.dns_resolvers = told.resolver.into_iter().collect();
        };
        let ours = OurConnector::start(&stage.edge, &stage.tunnel, stage.protocol, change);
        return Some(Running::Ours(ours.await));
    }
    let Some(binary) = cloudflared::binary() else {
        skip(test, cloudflared::ABSENT);
        return None;
    };
    let edge = stage.edge.edge.addresses().connectors;
    let options = Options::new(&binary, edge, &stage.edge.ca, &stage.tunnel.token);
    let mut options = options.over(stage.protocol).serving("http://127.0.0.1:9");
    if let Some(limit) = told.max_active_flows {
        options = options.run_with(&["--max-active-flows", &limit.to_string()]);
    }
    if let Some(resolver) = told.resolver {
        options = options.run_with(&["--dns-resolver-addrs", &resolver.to_string()]);
    }
    let stock = Cloudflared::start_ready(&options, 4).await;
    Some(Running::Stock(Box::new(stock)))
}

/// Makes two tests of each function: one for each connector.
macro_rules! with_each_connector {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use super::Client;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_stock() {
                super::$name(Client::Stock).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_our_connector() {
                super::$name(Client::Ours).await;
            }
        }
    )*};
}

with_each_connector!(
    a_download_is_whole_after_the_client_has_ended_its_side,
    a_port_that_nobody_listens_on_is_told_as_refused,
    a_connector_at_its_flow_limit_says_so,
    a_private_host_name_is_reached_through_the_connectors_resolver,
    datagrams_go_both_ways_through_a_socks_client,
);

/// Reads a word of each client, then sends a lot and ends.
async fn service() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            clients.spawn(async move {
                client.read_exact(&mut [0; 4]).await.unwrap();
                let _ = client.write_all(&pattern(LARGE)).await;
            });
        }
    });
    (address, serving)
}

async fn a_download_is_whole_after_the_client_has_ended_its_side(client: Client) {
    for protocol in Protocol::ALL {
        let stage = Stage::new(protocol).await;
        let test = "a_download_is_whole_after_the_client_has_ended_its_side";
        let Some(_connector) = connector(test, client, &stage, Told::default()).await else {
            return;
        };
        let (address, _serving) = service().await;
        let mut flow = stage.dial(&address.to_string()).outcome().await.unwrap();
        flow.write_all(b"go!!").await.unwrap();
        flow.shutdown().await.unwrap();
        let mut answer = Vec::new();
        within("the download", flow.read_to_end(&mut answer))
            .await
            .unwrap();
        assert!(
            answer == pattern(LARGE),
            "{protocol}: {} bytes came",
            answer.len()
        );
    }
}

async fn a_port_that_nobody_listens_on_is_told_as_refused(client: Client) {
    for protocol in Protocol::ALL {
        let stage = Stage::new(protocol).await;
        let test = "a_port_that_nobody_listens_on_is_told_as_refused";
        let Some(_connector) = connector(test, client, &stage, Told::default()).await else {
            return;
        };
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let PrivateDialError::Refused(words) = stage.dial(&free.to_string()).error().await else {
            panic!("another reason")
        };
        if protocol == Protocol::Quic {
            assert!(words.contains("refused"), "{words}");
        }
    }
}

async fn a_connector_at_its_flow_limit_says_so(client: Client) {
    for protocol in Protocol::ALL {
        let stage = Stage::new(protocol).await;
        let test = "a_connector_at_its_flow_limit_says_so";
        let told = Told {
            max_active_flows: Some(1),
            ..Told::default()
        };
        let Some(_connector) = connector(test, client, &stage, told).await else {
            return;
        };
        let (address, _serving) = service().await;
        let first = stage.dial(&address.to_string()).outcome().await.unwrap();
        let error = stage.dial(&address.to_string()).error().await;
        assert_eq!(
            error,
            PrivateDialError::TooMany("the connector has as many as it may")
        );
        drop(first);
    }
}

async fn a_private_host_name_is_reached_through_the_connectors_resolver(client: Client) {
    for protocol in Protocol::ALL {
        let stage = Stage::new(protocol).await;
        stage.lead_host("db.corp.internal").await;
        let resolver = Resolver::start().await;
        let test = "a_private_host_name_is_reached_through_the_connectors_resolver";
        let told = Told {
            resolver: Some(resolver.addr()),
            ..Told::default()
        };
        let Some(_connector) = connector(test, client, &stage, told).await else {
            return;
        };
        let (address, _serving) = service().await;
        let (mut user, _) = login(stage.proxy(), "", TOKEN).await;
        user.write_all(&named_request("db.corp.internal", address.port()))
            .await
            .unwrap();
        assert_eq!(reply(&mut user).await.0, 0, "{protocol}");
        user.write_all(b"go!!").await.unwrap();
        let mut answer = Vec::new();
        within("the download", user.read_to_end(&mut answer))
            .await
            .unwrap();
        assert_eq!(answer.len(), LARGE);
    }
}

async fn datagrams_go_both_ways_through_a_socks_client(client: Client) {
    let stage = Stage::new(Protocol::Quic).await;
    let test = "datagrams_go_both_ways_through_a_socks_client";
    let Some(_connector) = connector(test, client, &stage, Told::default()).await else {
        return;
    };
    let echo = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = echo.local_addr().unwrap();
    let mut echoing = JoinSet::new();
    echoing.spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = echo.recv_from(&mut buffer).await {
            echo.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    let (mut user, _) = login(stage.proxy(), "", TOKEN).await;
    user.write_all(&request(3, "0.0.0.0:0".parse().unwrap()))
        .await
        .unwrap();
    let (code, way) = reply(&mut user).await;
    assert_eq!(code, 0);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(way).await.unwrap();
    let datagram = socks::encode_datagram(address, b"question");
    let mut buffer = [0; 2048];
    // The first ones may be lost while the session is opened.
    wait_for("an answer", async || {
        socket.send(&datagram).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(500), socket.recv(&mut buffer)).await;
        matches!(answer, Ok(Ok(length)) if buffer[..length] == datagram)
    })
    .await;
}
