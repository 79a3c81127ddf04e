//! What a TCP service is told of a client whose address an edge has named, whatever the addresses are.
#![no_main]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use adit_fuzz::bounded;
use adit_wire::proxy_protocol::{encode_v1, encode_v2};

/// The longest line of version 1, bytes.
const MAX_LINE: usize = 107;

fn address(bytes: &[u8; 18]) -> SocketAddr {
    let mut ip = [0; 16];
    ip.copy_from_slice(&bytes[..16]);
    let ip = Ipv6Addr::from(ip);
    let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
    SocketAddr::new(ip, u16::from_be_bytes([bytes[16], bytes[17]]))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((to, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let (client, to) = (rest.first_chunk().map(address), address(to));
    let line = bounded(4096, || encode_v1(client, to));
    assert!(line.len() <= MAX_LINE && line.starts_with(b"PROXY ") && line.ends_with(b"\r\n"));
    let text = std::str::from_utf8(&line).expect("it is text");
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    match (client, &words[..]) {
        (None, ["PROXY", "UNKNOWN"]) => {}
        (Some(client), ["PROXY", family, from, at, port, to_port]) => {
            let [from, at]: [IpAddr; 2] = [from, at].map(|ip| ip.parse().expect("an address"));
            assert_eq!([from.is_ipv4(), at.is_ipv4()], [*family == "TCP4"; 2]);
            assert_eq!((from.to_canonical(), at.to_canonical()), (client.ip(), to.ip()));
            assert_eq!((port.parse(), to_port.parse()), (Ok(client.port()), Ok(to.port())));
        }
        _ => panic!("{text}"),
    }
    let header = bounded(4096, || encode_v2(client, to));
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    assert_eq!(header.len(), 16 + length);
    assert_eq!(length == 0, client.is_none());
});
