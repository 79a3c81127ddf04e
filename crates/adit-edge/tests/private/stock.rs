//! Sessions and echoes through unmodified cloudflared and through our own connector, with datagrams of either version:
//! both must do alike. Points 19, 20, 22 and 23.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use adit_connector::ConnectorConfig;
use adit_core::port::PresenceEvent;
use adit_edge::TunnelDialer;
use adit_model::ConnectionIndex;
use adit_net::{
    private::{Echo, EchoAnswer, PrivateDatagrams, PrivateDialError},
    tls::TrustAnchors,
};
use adit_testing::{
    cloudflared::{self, Cloudflared, Options, Protocol},
    scripted::{ScriptedConnector, registration, speaking_v3},
    skip, within,
};
use adit_wire::datagram::Version;
use bytes::Bytes;
use rustix::process::Signal;
use tokio::{net::UdpSocket, task::JoinSet};

use crate::{
    counters::{count, counted},
    stage::{LONG, received},
    support::{TestEdge, TestTunnel, ours::OurConnector},
};

/// Makes four tests of each function that takes a [`Scene`]: one for each connector and each version of datagrams.
macro_rules! with_each_connector_in_both_versions {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use super::{Client, Scene};
            use adit_wire::datagram::Version;

            async fn run(test: &str, client: Client, version: Version) {
                let name = format!("stock::{}::{test}", stringify!($name));
                if let Some(scene) = Scene::new(&name, client, version, None).await {
                    super::$name(scene).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_datagrams_v2() {
                run("with_datagrams_v2", Client::Stock, Version::V2).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_datagrams_v3() {
                run("with_datagrams_v3", Client::Stock, Version::V3).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_our_connector_and_datagrams_v2() {
                run("with_our_connector_and_datagrams_v2", Client::Ours, Version::V2).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn with_our_connector_and_datagrams_v3() {
                run("with_our_connector_and_datagrams_v3", Client::Ours, Version::V3).await;
            }
        }
    )*};
}

with_each_connector_in_both_versions!(
    datagrams_pass_both_ways,
    an_ipv6_origin_is_reached,
    a_session_that_was_silent_is_gone_at_the_connector_too,
    a_session_moves_to_another_replica,
    an_echo_comes_back,
);

/// Whose connector.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// cloudflared, where it is present.
    Stock,
    Ours,
}

/// A connector that runs.
enum Running {
    Stock(Box<Cloudflared>),
    Ours(OurConnector),
}

/// An edge with a connector.
struct Scene {
    name: String,
    edge: TestEdge,
    tunnel: TestTunnel,
    dialer: TunnelDialer,
    version: Version,
    connector: Running,
}

impl Scene {
    /// `None` without the connector that is asked for.
    async fn new(
        name: &str,
        client: Client,
        version: Version,
        max_active_flows: Option<u64>,
    ) -> Option<Self> {
        count();
        if client == Client::Stock && cloudflared::binary().is_none() {
            skip(name, cloudflared::ABSENT);
            return None;
        }
        let edge = TestEdge::start().await;
        let tunnel = edge.tunnel("shop").await;
        let connector = start(client, &edge, &tunnel, version, max_active_flows).await;
        Some(Self {
            name: name.to_owned(),
            dialer: edge.edge.dialer_into(&tunnel.key).unwrap(),
            edge,
            tunnel,
            version,
            connector,
        })
    }

    async fn open(&self, echo: &Echoing, idle: Duration) -> Box<dyn PrivateDatagrams> {
        within("a session", self.dialer.udp(echo.address, idle))
            .await
            .unwrap()
    }

    /// A further connector of the tunnel.
    async fn replica(&self) -> Running {
        let client = match self.connector {
            Running::Stock(_) => Client::Stock,
            Running::Ours(_) => Client::Ours,
        };
        start(client, &self.edge, &self.tunnel, self.version, None).await
    }
}

async fn start(
    client: Client,
    edge: &TestEdge,
    tunnel: &TestTunnel,
    version: Version,
    max_active_flows: Option<u64>,
) -> Running {
    let feature = match version {
        Version::V2 => "support_datagram_v2",
        Version::V3 => "support_datagram_v3_2",
    };
    if client == Client::Ours {
        let change = |config: &mut ConnectorConfig| {
            config.features = vec![feature.to_owned()];
            config.private.max_active_flows = max_active_flows;
        };
        return Running::Ours(OurConnector::start(edge, tunnel, Protocol::Quic, change).await);
    }
    let binary = cloudflared::binary().unwrap();
    let options = Options::new(&binary, edge.edge.addresses().connectors, &edge.ca, &tunnel.token);
    let mut options = options
        .serving("http://127.0.0.1:9")
        .run_with(&["--features", feature]);
    if let Some(limit) = max_active_flows {
        options = options.run_with(&["--max-active-flows", &limit.to_string()]);
    }
    Running::Stock(Box::new(Cloudflared::start_ready(&options, 4).await))
}

/// Says each datagram again, and from where it comes to it.
struct Echoing {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Echoing {
    /// `None` where the machine does not have the address.
    async fn at(address: &str) -> Option<Self> {
        let socket = UdpSocket::bind(address).await.ok()?;
        let address = socket.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let said = [&buffer[..length], format!(" from {}", from.port()).as_bytes()].concat();
                let _ = socket.send_to(&said, from).await;
            }
        });
        Some(Self {
            address,
            _serving: serving,
        })
    }

    async fn start() -> Self {
        Self::at("127.0.0.1:0").await.unwrap()
    }
}

/// What the origin says, and the port that the connector asks from.
async fn exchange(flow: &dyn PrivateDatagrams, text: &'static str) -> (String, u16) {
    let answer = ask(flow, Bytes::from_static(text.as_bytes())).await;
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    let (said, port) = answer.rsplit_once(" from ").unwrap();
    (said.to_owned(), port.parse().unwrap())
}

/// Sends until an answer comes that begins alike: datagrams get lost, and answers come late.
async fn ask(flow: &dyn PrivateDatagrams, question: Bytes) -> Bytes {
    within("an answer", async {
        loop {
            flow.send(question.clone());
            let next = tokio::time::timeout(Duration::from_millis(500), flow.receive());
            if let Ok(answer) = next.await {
                let answer = answer.unwrap();
                if answer.starts_with(&question) {
                    return answer;
                }
            }
        }
    })
    .await
}

async fn datagrams_pass_both_ways(scene: Scene) {
    let origin = Echoing::start().await;
    let one = scene.open(&origin, LONG).await;
    let other = scene.open(&origin, LONG).await;
    let (said, port) = exchange(&*one, "one").await;
    assert_eq!(said, "one");
    let (said, others_port) = exchange(&*other, "other").await;
    assert_eq!(said, "other");
    assert_ne!(port, others_port, "each session has a socket of its own");
    let large = Bytes::from(vec![b'x'; 1200]);
    assert!(one.max_bytes() >= 1200, "{}", one.max_bytes());
    // The connector's path may not have been probed for packets of this size yet.
    let answer = ask(&*one, large.clone()).await;
    assert!(answer.starts_with(&large));
    // What the edge does not say does not come: nothing listens there.
    let closed = Echoing::start().await.address;
    let nobody = within("a session", scene.dialer.udp(closed, LONG)).await;
    nobody.unwrap().send(Bytes::from_static(b"hello"));
    assert_eq!(exchange(&*one, "still").await.0, "still");
}

async fn an_ipv6_origin_is_reached(scene: Scene) {
    let Some(origin) = Echoing::at("[::1]:0").await else {
        return skip(&scene.name, "no IPv6 on loopback");
    };
    let flow = scene.open(&origin, LONG).await;
    assert_eq!(exchange(&*flow, "six").await.0, "six");
}

async fn a_session_that_was_silent_is_gone_at_the_connector_too(scene: Scene) {
    let origin = Echoing::start().await;
    let flow = scene.open(&origin, Duration::from_secs(1)).await;
    exchange(&*flow, "question").await;
    assert_eq!(received(&*flow).await, None, "after a second");
    // A further session is another one.
    let next = scene.open(&origin, LONG).await;
    exchange(&*next, "question").await;
}

async fn a_session_moves_to_another_replica(scene: Scene) {
    let origin = Echoing::start().await;
    let flow = scene.open(&origin, LONG).await;
    let (_, port) = exchange(&*flow, "before").await;
    let replica = scene.replica().await;
    match &scene.connector {
        Running::Stock(connector) => connector.process.signal(Signal::STOP),
        Running::Ours(connector) => connector.abort(),
    }
    // Its connections fall silent: the flow goes where one answers, long before they are given up after 5 s.
    let begun = Instant::now();
    let (said, later_port) = exchange(&*flow, "after").await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(said, "after");
    assert_ne!(port, later_port, "another process has another socket");
    drop(replica);
}

/// Point 20: on another connection of the same process a session of version 3 keeps its socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_version_3_keeps_its_socket_when_its_connection_goes() {
    a_session_keeps_its_socket(Client::Stock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_version_3_keeps_its_socket_at_our_connector_when_its_connection_goes() {
    a_session_keeps_its_socket(Client::Ours).await;
}

async fn a_session_keeps_its_socket(client: Client) {
    let name = "stock::a_session_of_version_3_keeps_its_socket_when_its_connection_goes";
    let Some(scene) = Scene::new(name, client, Version::V3, None).await else {
        return;
    };
    let origin = Echoing::start().await;
    // Several, so that each connection has some.
    let mut flows = Vec::new();
    for _ in 0..16 {
        let flow = scene.open(&origin, LONG).await;
        let (_, port) = exchange(&*flow, "before").await;
        flows.push((flow, port));
    }
    let moved = || counted("adit_private_sessions_moved_total", "");
    let before = moved();
    for index in 0..3 {
        replace(&scene, index).await;
        for (flow, port) in &flows {
            let (said, later_port) = exchange(&**flow, "after").await;
            assert_eq!((said.as_str(), later_port), ("after", *port));
        }
        if moved() > before {
            return;
        }
    }
    panic!("no session was on any of three connections");
}

/// Takes the place of one of the connector's connections for a moment.
async fn replace(scene: &Scene, index: u8) {
    let connector = scene
        .edge
        .store
        .events
        .lock()
        .iter()
        .find_map(|event| match event {
            PresenceEvent::Opened(opened) => Some(opened.connector.id),
            PresenceEvent::Closed(_) | PresenceEvent::Configured(_) | PresenceEvent::LocallyConfigured(_) => {
                None
            }
        });
    let mut request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    request.client.id = connector.unwrap();
    request.index = ConnectionIndex(index);
    let edge = scene.edge.edge.addresses().connectors;
    let anchors = TrustAnchors::from_pem(&std::fs::read(&scene.edge.ca).unwrap()).unwrap();
    let link = ScriptedConnector::dial(edge, &anchors, Protocol::Quic).await;
    link.register(speaking_v3(request)).await.unwrap().unwrap();
}

/// Point 23: the limit of a connector.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connectors_flow_limit_reaches_the_user() {
    the_flow_limit_reaches_the_user(Client::Stock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_connectors_flow_limit_reaches_the_user() {
    the_flow_limit_reaches_the_user(Client::Ours).await;
}

async fn the_flow_limit_reaches_the_user(client: Client) {
    for version in [Version::V2, Version::V3] {
        let name = "stock::the_connectors_flow_limit_reaches_the_user";
        let Some(scene) = Scene::new(name, client, version, Some(1)).await else {
            return;
        };
        let origin = Echoing::start().await;
        let flow = scene.open(&origin, LONG).await;
        exchange(&*flow, "first").await;
        let second = within("a refusal", scene.dialer.udp(origin.address, LONG)).await;
        let refused = second.err().unwrap();
        assert!(
            matches!(refused, PrivateDialError::TooMany(_)),
            "{version:?}: {refused}"
        );
        assert_eq!(exchange(&*flow, "still").await.0, "still", "{version:?}");
    }
}

async fn an_echo_comes_back(scene: Scene) {
    // Ours needs no more than a stock one, and makes do with a raw socket where it is root.
    let may_ping =
        may_ping() || matches!(scene.connector, Running::Ours(_)) && rustix::process::geteuid().is_root();
    if !may_ping {
        return skip(&scene.name, "net.ipv4.ping_group_range leaves this process out");
    }
    let mut targets = vec!["127.0.0.1:0"];
    if Echoing::at("[::1]:0").await.is_some() {
        targets.push("[::1]:0");
    }
    for to in targets {
        let pings = scene.dialer.icmp(to.parse().unwrap()).await.unwrap();
        let echo = |sequence| Echo {
            sequence,
            payload: Bytes::from_static(b"0123456789abcdef"),
        };
        assert!(pings.send(echo(1), 64));
        let answer = within("a reply", pings.receive()).await.unwrap();
        assert_eq!(answer, EchoAnswer::Reply(echo(1)), "{to}");
        // The connector is the first router, and its TTL is used up there.
        assert!(pings.send(echo(2), 1));
        match within("time exceeded", pings.receive()).await.unwrap() {
            EchoAnswer::TimeExceeded { sequence, .. } => assert_eq!(sequence, 2, "{to}"),
            EchoAnswer::Reply(echo) => panic!("{to}: {echo:?}"),
        }
    }
}

/// Whether this process, and a connector that it starts, may open sockets for echoes.
fn may_ping() -> bool {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap_or_default();
    let mut ends = range.split_whitespace().map(|end| end.parse::<u32>().ok());
    let group = rustix::process::getegid().as_raw();
    match (ends.next().flatten(), ends.next().flatten()) {
        (Some(first), Some(last)) => (first..=last).contains(&group),
        _ => false,
    }
}
