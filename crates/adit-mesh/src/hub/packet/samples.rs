//! Packets for tests.

use std::net::IpAddr;

use super::{
    bytes::{Sum, put},
    head::{V4_BYTES, protocol, sum_header},
};

/// A packet with anything in it.
pub(crate) fn packet(source: &str, destination: &str, hops: u8, protocol: u8, upper: &[u8]) -> Vec<u8> {
    let (source, destination): (IpAddr, IpAddr) = (source.parse().unwrap(), destination.parse().unwrap());
    let length = |extra: usize| u16::try_from(upper.len() + extra).unwrap().to_be_bytes();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [high, low] = length(V4_BYTES);
            let mut bytes = vec![0x45, 0, high, low, 0x12, 0x34, 0, 0, hops, protocol, 0, 0];
            bytes.extend(source.octets().iter().chain(&destination.octets()));
            sum_header(&mut bytes).unwrap();
            [bytes, upper.to_vec()].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [high, low] = length(0);
            let mut bytes = vec![0x60, 0, 0, 0, high, low, protocol, hops];
            bytes.extend(source.octets().iter().chain(&destination.octets()));
            [bytes, upper.to_vec()].concat()
        }
        _ => panic!("of two families"),
    }
}

/// A UDP datagram from port 1000 to port 2000; its checksum is right.
pub(crate) fn udp(source: &str, destination: &str, hops: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    let mut upper = [&[3, 232, 7, 208], &length[..], &[0, 0], payload].concat();
    let sum = upper_sum(source, destination, protocol::UDP, &upper);
    put(&mut upper, 6, &sum.to_be_bytes());
    packet(source, destination, hops, protocol::UDP, &upper)
}

/// A TCP SYN with these options; its checksum is right.
pub(crate) fn syn(source: &str, destination: &str, flags: u8, options: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let fixed = [
        3,
        232,
        7,
        208,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        words << 4,
        flags,
        255,
        255,
        0,
        0,
        0,
        0,
    ];
    tcp(source, destination, [&fixed[..], options].concat())
}

/// Any TCP segment whose checksum is 0, with the right one.
pub(crate) fn tcp(source: &str, destination: &str, mut upper: Vec<u8>) -> Vec<u8> {
    let sum = upper_sum(source, destination, protocol::TCP, &upper);
    put(&mut upper, 16, &sum.to_be_bytes());
    packet(source, destination, 64, protocol::TCP, &upper)
}

/// An ICMP message of 8 bytes and what follows it; its checksum is right.
pub(crate) fn icmp(source: &str, destination: &str, kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut upper = [&[kind, code, 0, 0, 0, 7, 0, 9], rest].concat();
    let (protocol, sum) = if source.contains(':') {
        let sum = upper_sum(source, destination, protocol::ICMP_V6, &upper);
        (protocol::ICMP_V6, sum)
    } else {
        (protocol::ICMP_V4, Sum::default().add(&upper).checksum())
    };
    put(&mut upper, 2, &sum.to_be_bytes());
    packet(source, destination, 64, protocol, &upper)
}

/// The checksum of what an IP packet carries, over the pseudo-header too. 0 if it holds its own, right one.
pub(crate) fn upper_sum(source: &str, destination: &str, protocol: u8, upper: &[u8]) -> u16 {
    let sum = [source, destination]
        .iter()
        .fold(Sum::default(), |sum, text| match text.parse().unwrap() {
            IpAddr::V4(v4) => sum.add(&v4.octets()),
            IpAddr::V6(v6) => sum.add(&v6.octets()),
        });
    let length = u16::try_from(upper.len()).unwrap();
    sum.plus(u16::from(protocol)).plus(length).add(upper).checksum()
}

/// An IPv4 packet with options, a multiple of four bytes.
pub(crate) fn with_options(options: &[u8]) -> Vec<u8> {
    let plain = udp("10.10.0.5", "10.20.0.7", 64, &[7; 3000]);
    let (header, upper) = plain.split_at(V4_BYTES);
    let mut header = [header, options].concat();
    header[0] = 0x40 | u8::try_from(header.len() / 4).unwrap();
    let total = u16::try_from(header.len() + upper.len()).unwrap();
    put(&mut header, 2, &total.to_be_bytes());
    sum_header(&mut header).unwrap();
    [&header, upper].concat()
}

/// An IPv6 packet with extensions, each without its first byte, and an empty UDP datagram at their end.
pub(crate) fn with_extensions(chain: &[(u8, &[u8])]) -> Vec<u8> {
    let mut upper = Vec::new();
    for (place, (_, rest)) in chain.iter().enumerate() {
        upper.push(chain.get(place + 1).map_or(protocol::UDP, |(next, _)| *next));
        upper.extend(*rest);
    }
    upper.extend([3, 232, 7, 208, 0, 8, 0, 0]);
    packet("fd00:a::5", "fd00:b::7", 64, chain[0].0, &upper)
}
