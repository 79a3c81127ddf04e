//! A dialer whose far ends are sockets of this machine.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use adit_net::private::{
    Echo, EchoAnswer, PrivateDatagrams, PrivateDialError, PrivateDialer, PrivateEchoes, PrivateNetwork,
    PrivateStream,
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::mpsc,
};

/// What a dial comes to.
#[derive(Debug, Clone)]
enum Outcome {
    Connects(SocketAddr),
    Fails(PrivateDialError),
    Hangs,
}

#[derive(Debug)]
pub(crate) struct Stub {
    outcome: Mutex<Outcome>,
    dialled: Mutex<Vec<(PrivateNetwork, SocketAddr)>>,
    given_up: AtomicUsize,
}

impl Default for Stub {
    fn default() -> Self {
        Self {
            outcome: Mutex::new(Outcome::Hangs),
            dialled: Mutex::default(),
            given_up: AtomicUsize::new(0),
        }
    }
}

impl Stub {
    /// From now on everything leads there.
    pub(crate) fn leads_to(&self, to: SocketAddr) {
        *self.outcome.lock() = Outcome::Connects(to);
    }

    pub(crate) fn fails_with(&self, error: PrivateDialError) {
        *self.outcome.lock() = Outcome::Fails(error);
    }

    /// From now on no dial is answered.
    pub(crate) fn hangs(&self) {
        *self.outcome.lock() = Outcome::Hangs;
    }

    pub(crate) fn dialled(&self) -> Vec<(PrivateNetwork, SocketAddr)> {
        self.dialled.lock().clone()
    }

    /// How many dials nobody waited for to their end.
    pub(crate) fn given_up(&self) -> usize {
        self.given_up.load(Ordering::Relaxed)
    }

    async fn dial(&self, network: PrivateNetwork, to: SocketAddr) -> Result<SocketAddr, PrivateDialError> {
        self.dialled.lock().push((network, to));
        let outcome = self.outcome.lock().clone();
        match outcome {
            Outcome::Connects(to) => Ok(to),
            Outcome::Fails(error) => Err(error),
            Outcome::Hangs => {
                let _waiting = Waiting(&self.given_up);
                std::future::pending().await
            }
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl PrivateDialer for Stub {
    async fn tcp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        let to = self.dial(network, to).await?;
        Ok(Box::new(TcpStream::connect(to).await.unwrap()))
    }

    async fn udp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
        _idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        let to = self.dial(network, to).await?;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(to).await.unwrap();
        socket.writable().await.unwrap();
        Ok(Box::new(Datagrams(socket)))
    }

    /// Every address answers, but for a router that takes a hop before it.
    async fn icmp(
        &self,
        _network: PrivateNetwork,
        _to: SocketAddr,
    ) -> Result<Box<dyn PrivateEchoes>, PrivateDialError> {
        let (answers, waiting) = mpsc::unbounded_channel();
        let waiting = tokio::sync::Mutex::new(waiting);
        Ok(Box::new(Echoes { answers, waiting }))
    }
}

#[derive(Debug)]
struct Datagrams(UdpSocket);

#[async_trait]
impl PrivateDatagrams for Datagrams {
    fn max_bytes(&self) -> usize {
        1280
    }

    fn send(&self, payload: Bytes) -> bool {
        self.0.try_send(&payload).is_ok()
    }

    async fn receive(&self) -> Option<Bytes> {
        let mut buffer = vec![0; 2000];
        let length = self.0.recv(&mut buffer).await.ok()?;
        buffer.truncate(length);
        Some(buffer.into())
    }
}

#[derive(Debug)]
struct Echoes {
    answers: mpsc::UnboundedSender<EchoAnswer>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<EchoAnswer>>,
}

#[async_trait]
impl PrivateEchoes for Echoes {
    fn send(&self, echo: Echo, ttl: u8) -> bool {
        let answer = match ttl {
            0 | 1 => EchoAnswer::TimeExceeded {
                from: IpAddr::V4(Ipv4Addr::new(10, 30, 0, 254)),
                sequence: echo.sequence,
            },
            _ => EchoAnswer::Reply(echo),
        };
        self.answers.send(answer).is_ok()
    }

    async fn receive(&self) -> Option<EchoAnswer> {
        self.waiting.lock().await.recv().await
    }
}
