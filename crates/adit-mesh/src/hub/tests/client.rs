//! A WireGuard peer of a hub, played step by step.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use adit_model::PeerKey;
use bytes::BytesMut;

use super::super::Hub;
use crate::{
    noise::{Demux, HandshakeLimits, Host, Incoming, Peer, PeerConfig, PrivateKey, Timing},
    udp::{Endpoint, SendBatch},
};

const LONG: Duration = Duration::from_secs(10);

/// Waits until something is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(super) struct Client {
    host: Host,
    peer: Peer,
    config: PeerConfig,
    demux: Demux<()>,
    socket: UdpSocket,
    handshakes: usize,
    /// Every datagram that it has sent.
    pub(super) sent: Vec<Vec<u8>>,
}

impl Client {
    pub(super) fn of(hub: &Hub) -> Self {
        let host = Host::new(
            PrivateKey::generate().unwrap(),
            HandshakeLimits::default(),
            Instant::now(),
        );
        let config = PeerConfig {
            key: hub.public_key(),
            endpoint: Some(hub.address().into()),
            keep_alive: None,
            waiting: 8,
            mtu: 1420,
            timing: Timing::default(),
        };
        Self {
            peer: Peer::new(&host, &config),
            host,
            config,
            demux: Demux::default(),
            socket: socket(),
            handshakes: 0,
            sent: Vec::new(),
        }
    }

    pub(super) fn key(&self) -> PeerKey {
        self.host.public()
    }

    /// How many handshakes were made.
    pub(super) const fn handshakes(&self) -> usize {
        self.handshakes
    }

    /// Goes on at another address.
    pub(super) fn rebind(&mut self) {
        self.socket = socket();
    }

    /// Loses its sessions.
    pub(super) fn forget(&mut self) {
        self.peer = Peer::new(&self.host, &self.config);
        self.demux = Demux::default();
    }

    /// Sends the first message of a handshake.
    pub(super) fn begin(&mut self) {
        let mut out = SendBatch::default();
        self.peer.connect(&mut out);
        self.go(&out);
    }

    /// Makes a session.
    pub(super) fn connect(&mut self) {
        self.begin();
        let began = Instant::now();
        while !self.peer.has_session() {
            assert!(began.elapsed() < LONG, "no session");
            self.take();
        }
        self.handshakes += 1;
    }

    pub(super) fn send(&mut self, packet: &[u8]) {
        let mut out = SendBatch::default();
        self.peer.send(BytesMut::from(packet), &mut out).unwrap();
        self.go(&out);
    }

    /// Sends bytes as they are.
    pub(super) fn throw(&self, datagram: &[u8]) {
        let to = self.config.endpoint.unwrap().remote;
        self.socket.send_to(datagram, to).unwrap();
    }

    /// The next packet.
    pub(super) fn receive(&mut self) -> Vec<u8> {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < LONG, "no packet");
            if let Some(packet) = self.take() {
                return packet;
            }
        }
    }

    /// Takes the next datagram, if one comes soon.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2000];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        let from = Endpoint::from(from);
        let message = match self
            .host
            .classify(from.remote, &buffer[..length], Instant::now())
            .ok()?
        {
            Incoming::Initiation { from, message } if from == self.peer.key() => message,
            Incoming::Indexed { index, message } => self.demux.find(index).map(|()| message)?,
            Incoming::Initiation { .. } | Incoming::Challenge(_) => return None,
        };
        let mut out = SendBatch::default();
        let packet = self.peer.receive(from, message, &mut out);
        self.go(&out);
        packet.unwrap().map(|packet| packet.to_vec())
    }

    fn go(&mut self, out: &SendBatch) {
        if let Some(index) = self.peer.take_index() {
            self.demux.learn(index, ());
        }
        for (to, datagram) in out.datagrams() {
            self.socket.send_to(datagram, to.remote).unwrap();
            self.sent.push(datagram.to_vec());
        }
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    socket
}
