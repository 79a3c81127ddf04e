//! Pings in quick succession.

use std::{
    io::{self, Read},
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Arrivals, Background, Pace};
use crate::netns::Namespace;

/// What an echo request carries besides its header of eight bytes: no other packet of a test is as large.
const PAYLOAD: usize = 632;
/// A ping in the tunnel: with an IPv4 header, padded to 16 bytes, and WireGuard's 32 bytes around it.
pub(super) const TUNNELLED: usize = (20 + 8 + PAYLOAD).next_multiple_of(16) + 32;

/// Pings every 10 ms, each with an answer or none.
#[derive(Debug)]
pub struct Pings {
    arrivals: Arrivals,
    _background: Background,
}

impl Pings {
    /// Begins.
    ///
    /// # Panics
    /// When the namespace has no such sockets, or no way there.
    #[must_use]
    pub fn start(from: &Namespace, to: IpAddr) -> Self {
        // Whom the kernel lets make sockets for echoes, in this namespace: it fills in checksums and sorts answers.
        from.run(&["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"]);
        let socket = from.inside(|| socket(to)).expect("a socket for echoes");
        let arrivals = Arrivals::default();
        let noted = arrivals.clone();
        let background = Background::start(move |stop| run(socket, to, &noted, stop));
        Self {
            arrivals,
            _background: background,
        }
    }

    /// The answers.
    #[must_use]
    pub const fn answers(&self) -> &Arrivals {
        &self.arrivals
    }
}

fn socket(to: IpAddr) -> io::Result<Socket> {
    match to {
        IpAddr::V4(_) => Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)),
        IpAddr::V6(_) => Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::ICMPV6)),
    }
}

fn run(mut socket: Socket, to: IpAddr, answers: &Arrivals, stop: &AtomicBool) {
    let (request, answer) = if to.is_ipv4() { (8, 0) } else { (128, 129) };
    let to = SocketAddr::new(to, 0).into();
    let mut packet = [0; 8 + PAYLOAD];
    packet[0] = request;
    let mut number: u16 = 0;
    let mut received = [0; 8 + PAYLOAD];
    let mut pace = Pace::new();
    while !stop.load(Ordering::Relaxed) {
        let wait = pace.wait();
        if wait.is_zero() {
            number = number.wrapping_add(1);
            packet[6..8].copy_from_slice(&number.to_be_bytes());
            // Without a way there, it is a ping without an answer.
            let _ = socket.send_to(&packet, &to);
            continue;
        }
        socket
            .set_read_timeout(Some(wait.max(Duration::from_micros(100))))
            .expect("a time limit");
        // Errors are those of packets on their way, or time that is up.
        if socket.read(&mut received).is_ok_and(|len| len >= 8) && received[0] == answer {
            answers.note();
        }
    }
}
