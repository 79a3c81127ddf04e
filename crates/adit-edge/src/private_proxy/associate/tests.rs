use std::{sync::atomic::AtomicUsize, time::Duration};

use adit_net::private::{PrivateDatagrams, PrivateDialError, PrivateEchoes, PrivateStream};
use adit_wire::socks::encode_datagram;
use async_trait::async_trait;
use parking_lot::Mutex;

use super::*;

/// Sends every datagram back, those to port 1 excepted, which nobody takes.
#[derive(Default)]
struct Echo {
    opened: AtomicUsize,
}

#[derive(Debug)]
struct EchoFlow {
    sender: mpsc::Sender<Bytes>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<Bytes>>,
    ends: Mutex<bool>,
}

#[async_trait]
impl PrivateDatagrams for EchoFlow {
    fn max_bytes(&self) -> usize {
        1200
    }

    fn send(&self, payload: Bytes) -> bool {
        *self.ends.lock() |= payload == "end";
        payload.len() <= self.max_bytes() && self.sender.try_send(payload).is_ok()
    }

    async fn receive(&self) -> Option<Bytes> {
        let payload = self.receiver.lock().await.recv().await;
        payload.filter(|_| !*self.ends.lock())
    }
}

#[async_trait]
impl PrivateDialer for Echo {
    async fn tcp(
        &self,
        _network: PrivateNetwork,
        _to: SocketAddr,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        Err(PrivateDialError::NoConnector)
    }

    async fn udp(
        &self,
        _network: PrivateNetwork,
        to: SocketAddr,
        _idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        if to.port() == 1 {
            return Err(PrivateDialError::NoRoute(to));
        }
        self.opened.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (sender, receiver) = mpsc::channel(4);
        Ok(Box::new(EchoFlow {
            sender,
            receiver: tokio::sync::Mutex::new(receiver),
            ends: Mutex::new(false),
        }))
    }

    async fn icmp(
        &self,
        _network: PrivateNetwork,
        _to: SocketAddr,
    ) -> Result<Box<dyn PrivateEchoes>, PrivateDialError> {
        Err(PrivateDialError::NoConnector)
    }
}

struct Scene {
    proxy: SocketAddr,
    client: UdpSocket,
    dialer: Arc<Echo>,
    _running: JoinSet<()>,
}

impl Scene {
    async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let proxy = socket.local_addr().unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(proxy).await.unwrap();
        let dialer = Arc::new(Echo::default());
        let association = Association {
            dialer: Arc::clone(&dialer) as _,
            network: PrivateNetwork {
                account: adit_model::AccountId::random(),
                network: adit_model::VirtualNetworkId::random(),
            },
            socket: Arc::new(socket),
            client: "127.0.0.1:9".parse().unwrap(),
            source: None,
            flows: HashMap::new(),
            running: JoinSet::new(),
        };
        let mut running = JoinSet::new();
        running.spawn(association.run());
        Self {
            proxy,
            client,
            dialer,
            _running: running,
        }
    }

    async fn say(&self, to: &str, payload: &[u8]) {
        // The form is the same in both directions.
        let datagram = encode_datagram(to.parse().unwrap(), payload);
        self.client.send(&datagram).await.unwrap();
    }

    async fn hear(&self) -> Vec<u8> {
        let mut buffer = vec![0; MOST_BYTES];
        let heard = tokio::time::timeout(Duration::from_secs(10), self.client.recv(&mut buffer));
        let length = heard.await.expect("a datagram").unwrap();
        buffer.truncate(length);
        buffer
    }

    fn opened(&self) -> usize {
        self.dialer.opened.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[tokio::test]
async fn datagrams_go_to_their_addresses_and_answers_say_from_where() {
    let scene = Scene::new().await;
    for (to, payload) in [
        ("10.0.0.1:53", "one"),
        ("10.0.0.2:53", "two"),
        ("10.0.0.1:53", "three"),
    ] {
        scene.say(to, payload.as_bytes()).await;
        let answer = encode_datagram(to.parse().unwrap(), payload.as_bytes());
        assert_eq!(scene.hear().await, answer);
    }
    assert_eq!(scene.opened(), 2, "a flow for each address");
}

#[tokio::test]
async fn what_is_no_whole_datagram_of_the_client_is_dropped() {
    let scene = Scene::new().await;
    scene.say("10.0.0.1:53", b"first").await;
    scene.hear().await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = "10.0.0.7:53".parse().unwrap();
    let theirs = encode_datagram(to, b"stranger");
    stranger.send_to(&theirs, scene.proxy).await.unwrap();
    let mut fragment = encode_datagram(to, b"fragment");
    fragment[2] = 1;
    scene.client.send(&fragment).await.unwrap();
    scene.client.send(b"\0\0\0\x01junk").await.unwrap();
    scene.say("10.0.0.7:1", b"nobody takes it").await;
    scene.say("10.0.0.1:53", &[0; 2000]).await;
    scene.say("10.0.0.1:53", b"last").await;
    assert!(scene.hear().await.ends_with(b"last"));
    assert_eq!(scene.opened(), 1);
}

#[tokio::test]
async fn a_flow_that_has_ended_is_opened_anew() {
    let scene = Scene::new().await;
    scene.say("10.0.0.1:53", b"first").await;
    scene.hear().await;
    scene.say("10.0.0.1:53", b"end").await;
    adit_testing::wait_for("a new flow", async || {
        scene.say("10.0.0.1:53", b"again").await;
        scene.opened() == 2
    })
    .await;
    assert!(scene.hear().await.ends_with(b"again"));
}

#[tokio::test]
async fn a_client_has_so_many_flows_and_no_more() {
    let scene = Scene::new().await;
    for number in 0..MOST_FLOWS + 10 {
        let to = format!("10.0.{}.{}:53", number / 256, number % 256);
        scene.say(&to, b"x").await;
        if number < MOST_FLOWS {
            scene.hear().await;
        }
    }
    scene.say("10.0.0.0:53", b"known").await;
    assert!(scene.hear().await.ends_with(b"known"));
    assert_eq!(scene.opened(), MOST_FLOWS);
}
