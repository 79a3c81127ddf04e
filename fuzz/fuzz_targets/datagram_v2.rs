//! Datagrams of format 2, as either side reads them.
#![no_main]

use adit_wire::datagram::v2::{ToConnector, ToEdge};
use bytes::Bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let datagram = Bytes::copy_from_slice(bytes);
    // Payloads are slices of the datagram: only a text takes memory of its own.
    let limit = 4096 + 2 * bytes.len();
    if let Ok(read) = adit_fuzz::bounded(limit, || ToConnector::decode(datagram.clone())) {
        assert_eq!(ToConnector::decode(read.encode()), Ok(read));
    }
    if let Ok(read) = adit_fuzz::bounded(limit, || ToEdge::decode(datagram)) {
        assert_eq!(ToEdge::decode(read.encode()), Ok(read));
    }
});
