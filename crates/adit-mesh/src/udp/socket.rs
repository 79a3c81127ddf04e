//! The socket.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{
    Endpoint, ReceiveBatch, SendBatch,
    batch::{TRAIN_DATAGRAMS, Train},
    control::Control,
    sys::{self, Outgoing},
};
use crate::wait;

/// What is asked for in each direction, in bytes. The kernel grants at most `net.core.{r,w}mem_max`, unless this
/// process may pass over that.
const BUFFER_BYTES: usize = 8 << 20;
/// How many trains one system call sends at most.
const CALL_TRAINS: usize = 64;

/// A UDP socket that sends and receives in batches and never blocks. Threads may share it.
#[derive(Debug)]
pub struct BatchSocket {
    socket: UdpSocket,
    is_v6: bool,
    /// Whether the kernel cuts trains.
    has_gso: AtomicBool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Datagrams that the kernel took.
    pub sent: usize,
    /// Datagrams that it did not: no room in time, no route, too long.
    pub dropped: usize,
    /// Those that were not to be sent any more.
    pub forbidden: usize,
}

impl BatchSocket {
    /// Opens a socket on this address. An IPv6 wildcard also takes IPv4.
    ///
    /// # Errors
    /// Those of the system, for example that the port is taken.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::open(address, false)
    }

    /// Opens so many sockets on one address and port, for a thread each: the kernel gives what comes from one endpoint
    /// to one of them (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// Those of the system, for example that the port is taken.
    pub fn bind_group(address: SocketAddr, count: usize) -> io::Result<Vec<Self>> {
        // Sockets that share a port would also share it with another process of this user.
        let alone = Self::bind(address)?;
        if count <= 1 {
            return Ok(vec![alone]);
        }
        let address = SocketAddr::new(address.ip(), alone.local_addr()?.port());
        drop(alone);
        (0..count).map(|_| Self::open(address, true)).collect()
    }

    fn open(address: SocketAddr, shares: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() && address.ip().is_unspecified() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_port(shares)?;
        socket.set_nonblocking(true)?;
        // A small buffer costs throughput, not correctness: a refusal is no reason to stay down.
        let received = socket
            .set_recv_buffer_size(BUFFER_BYTES)
            .and_then(|()| socket.recv_buffer_size());
        let sent = socket
            .set_send_buffer_size(BUFFER_BYTES)
            .and_then(|()| socket.send_buffer_size());
        let fd = socket.as_fd();
        for forced in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
            let bytes = i32::try_from(BUFFER_BYTES).unwrap_or(i32::MAX);
            let _ = sys::set_option(fd, libc::SOL_SOCKET, forced, bytes);
        }
        let has_gso = sys::set_option(fd, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok();
        let has_gro = sys::set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok();
        if address.is_ipv6() {
            sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        } else {
            sys::set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
        }
        // Datagrams longer than the path allows are better fragmented on the way than lost: inside the tunnel, path
        // MTU discovery works with the tunnel's own MTU.
        sys::set_option(
            fd,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DONT,
        )?;
        socket.bind(&address.into())?;
        tracing::debug!(?received, ?sent, has_gso, has_gro, "UDP socket of the mesh");
        Ok(Self {
            socket: socket.into(),
            is_v6: address.is_ipv6(),
            has_gso: AtomicBool::new(has_gso),
        })
    }

    /// As if the kernel cut no trains.
    #[cfg(test)]
    pub(super) fn without_trains(self) -> Self {
        self.has_gso.store(false, Ordering::Relaxed);
        self
    }

    /// Marks all that is sent, for routing rules (`SO_MARK`). Wants `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        socket2::SockRef::from(&self.socket).set_mark(mark)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes in what has arrived, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has; others of the system pass, and the next call may succeed.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        sys::receive(self.socket.as_fd(), batch)
    }

    /// Sends all of the batch and empties it. If the socket has no room, it waits for at most `patience`, then drops
    /// the rest; so do errors with what they are about.
    pub fn flush(&self, batch: &mut SendBatch, patience: Duration) -> Flushed {
        self.flush_by(batch, patience, |trains| {
            Some(trains.get(..CALL_TRAINS).unwrap_or(trains))
        })
    }

    /// The same for as long as `may` says so, which is asked before each 64 datagrams: a process may be
    /// stopped between any two of its steps, and what it has in hand then still goes when it goes on. What may not be sent
    /// is dropped.
    pub fn flush_while(&self, batch: &mut SendBatch, patience: Duration, may: impl Fn() -> bool) -> Flushed {
        self.flush_by(batch, patience, |trains| may().then(|| few(trains)))
    }

    fn flush_by(
        &self,
        batch: &mut SendBatch,
        patience: Duration,
        next: impl Fn(&[Train]) -> Option<&[Train]>,
    ) -> Flushed {
        let mut flushed = Flushed::default();
        let mut trains = batch.trains();
        let mut room = Room {
            patience,
            deadline: None,
        };
        while !trains.is_empty() {
            let Some(first) = next(trains) else {
                flushed.forbidden += datagrams_of(trains);
                break;
            };
            match self.send(first) {
                Ok(count) => {
                    let (gone, rest) = trains.split_at(count.min(trains.len()));
                    flushed.sent += datagrams_of(gone);
                    trains = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !room.comes(self.socket.as_fd()) {
                        flushed.dropped += datagrams_of(trains);
                        break;
                    }
                }
                Err(error) => {
                    let Some((head, rest)) = trains.split_first() else {
                        break;
                    };
                    self.send_singly(head, &error, &mut room, &mut flushed);
                    trains = rest;
                }
            }
        }
        batch.clear();
        flushed
    }

    /// Sends the first of these; how many went.
    fn send(&self, trains: &[Train]) -> io::Result<usize> {
        if !self.has_gso.load(Ordering::Relaxed) && trains.iter().any(|train| train.datagrams.len() > 1) {
            // As one by one as it takes; the caller sends them so.
            let alone = trains
                .iter()
                .take_while(|train| train.datagrams.len() == 1)
                .count();
            return match trains.get(..alone) {
                Some([]) | None => Err(io::ErrorKind::Unsupported.into()),
                Some(alone) => sys::send(self.socket.as_fd(), &self.outgoing(alone)),
            };
        }
        sys::send(self.socket.as_fd(), &self.outgoing(trains))
    }

    fn outgoing<'a>(&self, trains: &'a [Train]) -> Vec<Outgoing<'a>> {
        trains
            .iter()
            .map(|train| {
                let mut control = self.control(train.to);
                if train.datagrams.len() > 1
                    && let Ok(segment) = u16::try_from(train.segment())
                {
                    control.push_segment(segment);
                }
                Outgoing {
                    to: self.name(train.to),
                    control,
                    datagrams: &train.datagrams,
                }
            })
            .collect()
    }

    /// Sends a train that the kernel did not take as such. A single datagram that it did not take is dropped.
    fn send_singly(&self, train: &Train, error: &io::Error, room: &mut Room, flushed: &mut Flushed) {
        if error.raw_os_error() == Some(libc::EIO) && self.has_gso.swap(false, Ordering::Relaxed) {
            // What udp(7) says of a device without checksum offload.
            tracing::info!("the network device cannot cut UDP trains: datagrams go one by one");
        }
        if train.datagrams.len() == 1 {
            tracing::trace!(to = %train.to.remote, %error, "a datagram was not sent");
            flushed.dropped += 1;
            return;
        }
        let singles: Vec<Outgoing<'_>> = train
            .datagrams
            .chunks(1)
            .map(|datagrams| Outgoing {
                to: self.name(train.to),
                control: self.control(train.to),
                datagrams,
            })
            .collect();
        let mut rest = singles.as_slice();
        while let Some((_, others)) = rest.split_first() {
            match sys::send(self.socket.as_fd(), rest) {
                Ok(count) => {
                    flushed.sent += count;
                    rest = rest.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !room.comes(self.socket.as_fd()) {
                        flushed.dropped += rest.len();
                        return;
                    }
                }
                Err(_) => {
                    flushed.dropped += 1;
                    rest = others;
                }
            }
        }
    }

    /// The address in the family of the socket.
    fn name(&self, to: Endpoint) -> SockAddr {
        match to.remote {
            SocketAddr::V4(v4) if self.is_v6 => SocketAddr::new(mapped(*v4.ip()), v4.port()).into(),
            remote @ (SocketAddr::V4(_) | SocketAddr::V6(_)) => remote.into(),
        }
    }

    fn control(&self, to: Endpoint) -> Control {
        let mut control = Control::new();
        match to.local {
            Some(IpAddr::V4(local)) if self.is_v6 => control.push_source(mapped(local)),
            Some(local) => control.push_source(local),
            None => {}
        }
        control
    }
}

/// How long one batch waits for room in the socket, all in all.
struct Room {
    patience: Duration,
    deadline: Option<Instant>,
}

impl Room {
    /// Waits until there is some; `false` if there was none in time.
    fn comes(&mut self, socket: BorrowedFd<'_>) -> bool {
        let deadline = *self
            .deadline
            .get_or_insert_with(|| Instant::now() + self.patience);
        wait::until_writable(socket, deadline)
    }
}

impl AsFd for BatchSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn mapped(address: Ipv4Addr) -> IpAddr {
    address.to_ipv6_mapped().into()
}

/// The first trains, of at most [`TRAIN_DATAGRAMS`] datagrams, which one has at most.
fn few(trains: &[Train]) -> &[Train] {
    let mut datagrams = 0;
    let fits = |train: &&Train| {
        datagrams += train.datagrams.len();
        datagrams <= TRAIN_DATAGRAMS
    };
    let count = trains.iter().take_while(fits).count();
    trains.get(..count.max(1)).unwrap_or(trains)
}

fn datagrams_of(trains: &[Train]) -> usize {
    trains.iter().map(|train| train.datagrams.len()).sum()
}
