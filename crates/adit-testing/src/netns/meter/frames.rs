//! Frames that pass a host's interfaces, as a packet capture sees them.

use std::{
    io::Read,
    mem,
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Background, pings::TUNNELLED};
use crate::netns::Namespace;

/// An address of a network card.
pub type Mac = [u8; 6];

const ETH_P_ALL: u16 = 3;
const ETHERNET: usize = 14;
const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];
const UDP: u8 = 17;
/// WireGuard's message that holds a packet.
const TRANSPORT: [u8; 4] = [4, 0, 0, 0];

/// What was seen of a host's frames, in and out, on all its interfaces.
#[derive(Debug)]
pub struct Frames<T> {
    seen: Arc<Mutex<Vec<(Instant, T)>>>,
    _background: Background,
}

impl<T: Send + 'static> Frames<T> {
    /// Begins; `read` says what matters of a frame.
    ///
    /// # Panics
    /// When the namespace has no such sockets.
    #[must_use]
    pub fn watch(host: &Namespace, read: impl Fn(&[u8]) -> Option<T> + Send + 'static) -> Self {
        let protocol = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        let mut socket = host
            .inside(|| Socket::new(Domain::PACKET, Type::RAW, Some(protocol)))
            .expect("root may see frames");
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time limit");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let background = Background::start(move |stop| {
            // As large as a train of segments may be.
            let mut frame = vec![0; 1 << 17];
            while !stop.load(Ordering::Relaxed) {
                let Ok(len) = socket.read(&mut frame) else {
                    continue;
                };
                if let Some(what) = frame.get(..len).and_then(&read) {
                    noted.lock().push((Instant::now(), what));
                }
            }
        });
        Self {
            seen,
            _background: background,
        }
    }

    /// What was seen since the last call.
    pub fn take(&self) -> Vec<(Instant, T)> {
        mem::take(&mut *self.seen.lock())
    }
}

/// Reads who says that an address is his: the sender of an ARP answer.
pub fn answers_for(address: Ipv4Addr) -> impl Fn(&[u8]) -> Option<Mac> + Send + 'static {
    const ANSWER: [u8; 2] = [0, 2];
    move |frame| {
        let arp = payload(frame, ARP)?;
        let is_answer = arp.get(6..8)? == ANSWER && arp.get(14..18)? == address.octets();
        is_answer.then(|| arp.get(8..14)?.try_into().ok()).flatten()
    }
}

/// Reads how many of the hosts' pings a frame from this address carries in a tunnel.
pub fn tunnelled_pings(from: Ipv4Addr) -> impl Fn(&[u8]) -> Option<usize> + Send + 'static {
    move |frame| {
        let ip = payload(frame, IPV4)?;
        let header = usize::from(ip.first()? & 0x0f) * 4;
        if ip.get(9)? != &UDP || ip.get(12..16)? != from.octets() {
            return None;
        }
        let message = ip.get(header + 8..)?;
        let is_pings = message.starts_with(&TRANSPORT) && message.len().is_multiple_of(TUNNELLED);
        is_pings.then_some(message.len() / TUNNELLED)
    }
}

fn payload(frame: &[u8], kind: [u8; 2]) -> Option<&[u8]> {
    (frame.get(12..ETHERNET)? == kind).then(|| frame.get(ETHERNET..))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_for_the_address_is_told_from_others() {
        let mut frame = vec![0; 42];
        frame[12..14].copy_from_slice(&ARP);
        frame[20..22].copy_from_slice(&[0, 2]);
        frame[22..28].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        frame[28..32].copy_from_slice(&[10, 10, 0, 1]);
        let read = answers_for(Ipv4Addr::new(10, 10, 0, 1));
        assert_eq!(read(&frame), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(answers_for(Ipv4Addr::new(10, 10, 0, 2))(&frame), None);
        frame[21] = 1;
        assert_eq!(read(&frame), None);
        for len in 0..frame.len() {
            assert_eq!(read(&frame[..len]), None);
        }
    }

    #[test]
    fn pings_in_a_train_are_counted() {
        let from = Ipv4Addr::new(198, 18, 0, 11);
        let frame = |payload: usize| {
            let mut frame = vec![0; ETHERNET + 28 + payload];
            frame[12..14].copy_from_slice(&IPV4);
            frame[ETHERNET] = 0x45;
            frame[ETHERNET + 9] = UDP;
            frame[ETHERNET + 12..ETHERNET + 16].copy_from_slice(&from.octets());
            frame[ETHERNET + 28..ETHERNET + 32].copy_from_slice(&TRANSPORT);
            frame
        };
        let read = tunnelled_pings(from);
        assert_eq!(read(&frame(3 * TUNNELLED)), Some(3));
        assert_eq!(read(&frame(TUNNELLED + 16)), None);
        assert_eq!(read(&frame(32)), None);
        assert_eq!(tunnelled_pings(Ipv4Addr::LOCALHOST)(&frame(TUNNELLED)), None);
    }
}
