//! What a resolver behind a tunnel answers.
#![no_main]

use adit_fuzz::bounded;
use adit_model::Hostname;
use adit_wire::dns::{AddressKind, decode_answer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let name: Hostname = "db.corp.internal".parse().expect("a host name");
    let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    for kind in [AddressKind::V4, AddressKind::V6] {
        if let Ok(answer) = bounded(256 * 1024, || decode_answer(bytes, id, &name, kind)) {
            assert!(answer.addresses.len() <= 256);
            assert!(answer.addresses.iter().all(|address| address.is_ipv4() == (kind == AddressKind::V4)));
        }
    }
});
