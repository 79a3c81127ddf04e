//! Packets that the onramp makes itself. Those of open TCP flows are made by their ends.
//!
//! Source: RFC 9293 section 3.10.7.1 (resets), RFC 768.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{IpAddress, IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr},
};

use super::intake::Handed;
use crate::hub::packet::{
    bytes::put,
    head::{V4_BYTES, sum_header},
};

/// How many hops packets have.
const HOPS: u8 = 64;
/// Room behind a packet for what encrypts it.
pub(super) const ROOM: usize = 64;

/// What a TCP segment says; `None` if it is malformed or its checksum is wrong.
pub(super) fn segment(handed: &Handed) -> Option<TcpRepr<'_>> {
    let packet = TcpPacket::new_checked(handed.head.upper(&handed.packet)).ok()?;
    let (from, to) = ends(handed);
    TcpRepr::parse(&packet, &from, &to, &ChecksumCapabilities::default()).ok()
}

fn ends(handed: &Handed) -> (IpAddress, IpAddress) {
    (handed.head.source.into(), handed.head.destination.into())
}

/// The reset that a TCP segment of no flow is answered with; `None` if it is one itself, or malformed.
pub(super) fn reset_of(handed: &Handed) -> Option<BytesMut> {
    let got = segment(handed).filter(|got| got.control != TcpControl::Rst)?;
    let reset = TcpRepr {
        src_port: got.dst_port,
        dst_port: got.src_port,
        control: TcpControl::Rst,
        seq_number: got.ack_number.unwrap_or(TcpSeqNumber(0)),
        ack_number: match got.ack_number {
            Some(_) => None,
            None => Some(got.seq_number + got.segment_len()),
        },
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (to, from) = ends(handed);
    let (mut packet, header) = headed(from, to, IpProtocol::Tcp, reset.buffer_len());
    let mut upper = TcpPacket::new_unchecked(packet.get_mut(header..)?);
    reset.emit(&mut upper, &from, &to, &ChecksumCapabilities::default());
    Some(packet)
}

/// A UDP datagram; `None` if it is too long for its headers, or its addresses are not of one family.
pub(super) fn datagram(from: SocketAddr, to: SocketAddr, payload: &Bytes) -> Option<BytesMut> {
    let udp = UdpRepr {
        src_port: from.port(),
        dst_port: to.port(),
    };
    let bytes = udp.header_len() + payload.len();
    if from.is_ipv4() != to.is_ipv4() || bytes > usize::from(u16::MAX) - V4_BYTES {
        return None;
    }
    let ends: (IpAddress, IpAddress) = (from.ip().into(), to.ip().into());
    let (mut packet, header) = headed(ends.0, ends.1, IpProtocol::Udp, bytes);
    if from.is_ipv4() {
        // A path may take less than connectors carry: then it is divided.
        put(&mut packet, 4, &rand::random::<[u8; 2]>());
        put(&mut packet, 6, &[0, 0]);
        sum_header(packet.get_mut(..V4_BYTES)?)?;
    }
    let mut upper = UdpPacket::new_unchecked(packet.get_mut(header..)?);
    let copy = |place: &mut [u8]| place.copy_from_slice(payload);
    udp.emit(
        &mut upper,
        &ends.0,
        &ends.1,
        payload.len(),
        copy,
        &ChecksumCapabilities::default(),
    );
    Some(packet)
}

/// A packet with its IP header, and how long that is.
fn headed(from: IpAddress, to: IpAddress, protocol: IpProtocol, bytes: usize) -> (BytesMut, usize) {
    let ip = IpRepr::new(from, to, protocol, bytes, HOPS);
    let mut packet = BytesMut::with_capacity(ip.buffer_len() + ROOM);
    packet.resize(ip.buffer_len(), 0);
    ip.emit(&mut packet[..], &ChecksumCapabilities::default());
    (packet, ip.header_len())
}
