//! What a client of the proxy into private networks says in SOCKS5, message by message, and its datagrams.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::socks::{
    MAX_MESSAGE_BYTES, decode_datagram, decode_greeting, decode_login, decode_request, encode_datagram,
};
use adit_wire::Destination;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let taken = bounded(64 * 1024, || {
        [
            decode_greeting(bytes).map(|read| read.map(|(_, taken)| taken)),
            decode_login(bytes).map(|read| read.map(|(_, taken)| taken)),
            decode_request(bytes).map(|read| read.map(|(_, taken)| taken)),
        ]
    });
    for taken in taken {
        match taken {
            Ok(Some(taken)) => assert!(taken <= bytes.len()),
            // Nobody waits for more than a message can have.
            Ok(None) => assert!(bytes.len() < MAX_MESSAGE_BYTES),
            Err(_) => {}
        }
    }
    if let Ok(datagram) = bounded(64 * 1024, || decode_datagram(bytes))
        && let Destination::Address(to) = datagram.destination
    {
        let written = encode_datagram(to, datagram.payload);
        let back = decode_datagram(&written).expect("what was written reads back");
        assert_eq!((back.destination, back.payload), (Destination::Address(to), datagram.payload));
    }
});
