//! IP packets with ICMP in them.
#![no_main]

use adit_wire::icmp::IcmpPacket;
use bytes::Bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let packet = Bytes::copy_from_slice(bytes);
    let limit = 4096;
    if let Ok(read) = adit_fuzz::bounded(limit, || IcmpPacket::decode(packet)) {
        let written = read.encode().expect("both addresses are of one family");
        assert_eq!(IcmpPacket::decode(written), Ok(read));
    }
});
