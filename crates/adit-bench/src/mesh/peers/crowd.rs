//! The members, all in this process and on one socket: each has keys and sessions of its own.

use std::{
    net::Ipv4Addr,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use adit_mesh::{
    noise::{Demux, HandshakeLimits, Host, Incoming, Peer, PeerConfig, Timing},
    udp::{BatchSocket, ReceiveBatch, SendBatch},
    wait::until_readable,
};
use anyhow::{Context, ensure};
use bytes::{BufMut, BytesMut};

use super::super::hub::{HubProcess, member_addresses, member_key};

const LONG: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_millis(50);
/// Length of the packets of a flow, and how many of them are under way: fewer than a socket holds.
const PACKET_BYTES: usize = 1392;
const WINDOW: u64 = 512;

struct Member {
    host: Host,
    peer: Peer,
    arrived: u64,
}

pub(super) struct Crowd {
    members: Vec<Member>,
    demux: Demux<usize>,
    socket: BatchSocket,
    received: ReceiveBatch,
    out: SendBatch,
}

/// What a flow carried.
pub(super) struct Flow {
    pub(super) arrived: u64,
}

impl Crowd {
    pub(super) fn new(hub: &HubProcess, members: u16) -> anyhow::Result<Self> {
        let member = |number| {
            let host = Host::new(member_key(number), HandshakeLimits::default(), Instant::now());
            let config = PeerConfig {
                key: hub.key,
                endpoint: Some(hub.address.into()),
                keep_alive: None,
                waiting: 0,
                mtu: 1420,
                timing: Timing::default(),
            };
            Member {
                peer: Peer::new(&host, &config),
                host,
                arrived: 0,
            }
        };
        Ok(Self {
            members: (0..members).map(member).collect(),
            demux: Demux::default(),
            socket: BatchSocket::bind((Ipv4Addr::LOCALHOST, 0).into())?,
            received: ReceiveBatch::new(16),
            out: SendBatch::default(),
        })
    }

    /// Begins so many a second; how long each took until it had a session.
    pub(super) fn handshakes(&mut self, begin: u32) -> anyhow::Result<Vec<Duration>> {
        let start = Instant::now();
        let due: Vec<Instant> = (0..)
            .map(|at| start + Duration::from_secs(1) * at / begin)
            .take(self.members.len())
            .collect();
        let mut waiting: Vec<usize> = Vec::new();
        let (mut began, mut took) = (0, Vec::new());
        while took.len() < self.members.len() {
            let now = Instant::now();
            ensure!(
                now < start + Duration::from_secs(1) * u32::try_from(due.len())? / begin + LONG,
                "no session"
            );
            while due.get(began).is_some_and(|due| *due <= now) {
                if let Some(member) = self.members.get_mut(began) {
                    member.peer.connect(&mut self.out);
                    learn(&mut self.demux, member, began);
                    waiting.push(began);
                }
                began += 1;
            }
            let next = due
                .get(began)
                .map_or(PATIENCE, |due| due.saturating_duration_since(now));
            self.turn(next.min(PATIENCE))?;
            let now = Instant::now();
            waiting.retain(|at| {
                let has_session = self
                    .members
                    .get(*at)
                    .is_some_and(|member| member.peer.has_session());
                if let (true, Some(due)) = (has_session, due.get(*at)) {
                    took.push(now.saturating_duration_since(*due));
                }
                !has_session
            });
        }
        Ok(took)
    }

    /// One packet from each to the next one.
    pub(super) fn each_reaches_the_next(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        let count = self.members.len();
        for at in 0..count {
            self.send(at, (at + 1) % count, 64)?;
            if at % 32 == 31 {
                self.turn(Duration::ZERO)?;
            }
        }
        while !self.members.iter().all(|member| member.arrived > 0) {
            let missing = self.members.iter().filter(|member| member.arrived == 0).count();
            ensure!(
                start.elapsed() < LONG,
                "{missing} of {count} packets have not arrived"
            );
            self.turn(PATIENCE)?;
        }
        Ok(())
    }

    /// As many packets from the first to the second as the hub carries, for so long.
    pub(super) fn flow(&mut self, window: Duration) -> anyhow::Result<Flow> {
        let start = Instant::now();
        let before = self.arrived();
        let (mut sent, mut last) = (0, start);
        while start.elapsed() < window {
            let arrived = self.arrived() - before;
            // What was lost is not waited for.
            if last.elapsed() > PATIENCE {
                sent = arrived;
            }
            while sent < arrived + WINDOW {
                self.send(0, 1, PACKET_BYTES)?;
                sent += 1;
            }
            self.turn(PATIENCE)?;
            if self.arrived() - before > arrived {
                last = Instant::now();
            }
        }
        Ok(Flow {
            arrived: self.arrived() - before,
        })
    }

    fn arrived(&self) -> u64 {
        self.members.get(1).map_or(0, |member| member.arrived)
    }

    fn send(&mut self, from: usize, to: usize, bytes: usize) -> anyhow::Result<()> {
        let packet = packet(from, to, bytes)?;
        let member = self.members.get_mut(from).context("no such member")?;
        member.peer.send(packet, &mut self.out)?;
        learn(&mut self.demux, member, from);
        Ok(())
    }

    /// Sends what waits, and takes what has arrived.
    fn turn(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.socket.flush(&mut self.out, PATIENCE);
        until_readable([self.socket.as_fd()], patience);
        if self.socket.receive(&mut self.received).is_err() {
            return Ok(());
        }
        let now = Instant::now();
        for (from, datagram) in self.received.datagrams() {
            let at = receiver(datagram).and_then(|index| self.demux.find(index));
            let Some((at, member)) = at.and_then(|at| Some((at, self.members.get_mut(at)?))) else {
                continue;
            };
            if let Ok(Incoming::Indexed { message, .. }) = member.host.classify(from.remote, datagram, now) {
                let packet = member.peer.receive(from, message, &mut self.out);
                member.arrived += u64::from(matches!(packet, Ok(Some(_))));
                learn(&mut self.demux, member, at);
            }
        }
        self.socket.flush(&mut self.out, PATIENCE);
        Ok(())
    }
}

fn learn(demux: &mut Demux<usize>, member: &mut Member, at: usize) {
    if let Some(index) = member.peer.take_index() {
        demux.learn(index, at);
    }
}

/// Whose session a datagram is for, as its receiver has numbered it. Source: the WireGuard whitepaper, section 5.4.
fn receiver(datagram: &[u8]) -> Option<u32> {
    let at = if datagram.first() == Some(&2) { 8 } else { 4 };
    let index = datagram.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*index))
}

/// A UDP packet from one member to another.
fn packet(from: usize, to: usize, bytes: usize) -> anyhow::Result<BytesMut> {
    let [from, to] = [from, to].map(|at| u16::try_from(at).map(|at| member_addresses(at).v4));
    let mut packet = BytesMut::with_capacity(bytes);
    packet.put_slice(&[0x45, 0]);
    packet.put_u16(u16::try_from(bytes)?);
    packet.put_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    packet.put_slice(&from?.octets());
    packet.put_slice(&to?.octets());
    let sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!u16::try_from(sum)?).to_be_bytes());
    packet.resize(bytes, 0);
    Ok(packet)
}
