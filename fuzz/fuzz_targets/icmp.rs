//! IP packets with ICMP in them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_wire::icmp::{EchoMessage, IcmpPacket};
use bytes::Bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let packet = Bytes::copy_from_slice(bytes);
    let limit = 4096;
    for peer in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let _ = adit_fuzz::bounded(limit, || EchoMessage::decode_bare_reply(peer, &packet));
    }
    if let Ok(read) = adit_fuzz::bounded(limit, || IcmpPacket::decode(packet)) {
        let written = read.encode().expect("both addresses are of one family");
        assert_eq!(IcmpPacket::decode(written), Ok(read));
    }
});
