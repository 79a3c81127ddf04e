//! Packets that a member sends into an open TCP flow to a network behind connectors.
#![no_main]

use std::time::{Duration, Instant};

use adit_mesh::onramp::{Incoming, TcpEnd};
use bytes::BytesMut;

const MTU: u16 = 1280;
const WINDOW: usize = 4096;

/// A packet of 10.10.0.5:4000 to 10.20.0.7:80 with both checksums right.
fn packet(sequence: u32, acknowledged: u32, flags: u8, window: u16, options: &[u8], payload: &[u8]) -> BytesMut {
    let words = u8::try_from(5 + options.len() / 4).expect("at most 40 bytes");
    let mut tcp = vec![0x0f, 0xa0, 0, 80];
    tcp.extend(sequence.to_be_bytes());
    tcp.extend(acknowledged.to_be_bytes());
    tcp.extend([words << 4, flags]);
    tcp.extend(window.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.extend(options);
    tcp.extend(payload);
    let total = u16::try_from(20 + tcp.len()).expect("it is short");
    let mut ip = vec![0x45, 0];
    ip.extend(total.to_be_bytes());
    ip.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 10, 0, 5, 10, 20, 0, 7]);
    let sum = !self::sum(0, &ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let pseudo = u32::from(total) - 20 + 6 + u32::from(self::sum(0, &ip[12..20]));
    let sum = !self::sum(pseudo, &tcp);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    BytesMut::from(&[ip, tcp].concat()[..])
}

fn sum(begun: u32, bytes: &[u8]) -> u16 {
    let mut sum = begun;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("it was folded")
}

/// An end with a handshake behind it, and the number of the first byte that it will send.
fn open(now: Instant) -> (TcpEnd, u32) {
    let syn = packet(1, 0, 2, 8192, &[2, 4, 4, 0, 3, 3, 2, 1, 4, 2, 1, 1], &[]);
    let destination = "10.20.0.7:80".parse().expect("an address");
    let mut end = TcpEnd::accept(syn, destination, WINDOW, MTU, 1, now).expect("it is a SYN");
    let answer = end.egress(now, 1).pop().expect("an answer");
    let number = u32::from_be_bytes(answer[24..28].try_into().expect("a number")).wrapping_add(1);
    end.take(packet(2, number, 0x10, 8192, &[], &[]));
    end.ingress(now);
    assert!(end.is_open());
    (end, number)
}

// Eleven bytes of a segment: flags, both numbers as they differ from those that are due, window, how many bytes of
// options and of payload follow, time, what is done beside.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limit = 256 * 1024 + 64 * bytes.len();
    adit_fuzz::bounded(limit, || play(bytes));
});

fn play(mut bytes: &[u8]) {
    let mut now = Instant::now();
    let (mut end, number) = open(now);
    let (mut theirs, mut ours) = (2_u32, number);
    while let [flags, a, b, c, d, e, f, options, payload, wait, act, rest @ ..] = bytes {
        let due = |due: u32, high: u8, low: u8| due.wrapping_add_signed(i16::from_be_bytes([high, low]).into());
        let options = usize::from(options % 11) * 4;
        let payload = usize::from(*payload);
        let (Some(optional), Some(said)) = (rest.get(..options), rest.get(options..options + payload)) else {
            return;
        };
        bytes = &rest[options + payload..];
        let window = u16::from_be_bytes([*e, *f]);
        end.take(packet(due(theirs, *a, *b), due(ours, *c, *d), *flags, window, optional, said));
        end.ingress(now);
        match act % 8 {
            0 => end.write(|place| place.len().min(1500)),
            1 => end.finish(),
            2 => end.set_mtu(u16::from(*wait) * 8),
            _ => {}
        }
        if act % 2 == 0 && end.incoming() == Incoming::Bytes {
            end.read(<[u8]>::len);
        }
        for packet in end.egress(now, 4) {
            assert!(packet.len() <= usize::from(MTU).max(2048));
            if let Some([n0, n1, n2, n3, a0, a1, a2, a3]) = packet.get(24..32) {
                ours = u32::from_be_bytes([*n0, *n1, *n2, *n3]);
                theirs = u32::from_be_bytes([*a0, *a1, *a2, *a3]);
            }
        }
        let _ = end.next(now);
        now += Duration::from_millis(u64::from(*wait) * 40);
    }
}
