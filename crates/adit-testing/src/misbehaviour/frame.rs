//! HTTP/2 frames by hand: RFC 9113, section 4.1.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout_at},
};

use super::{Seen, Sight};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload").to_be_bytes();
    let mut frame = Vec::with_capacity(9 + payload.len());
    frame.extend_from_slice(&length[1..]);
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A SETTINGS frame.
pub(super) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = values
        .iter()
        .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(SETTINGS, 0, 0, &payload)
}

pub(super) fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

/// A field without indexing, name and value in plain: RFC 7541, section 6.2.2.
pub(super) fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        integer(&mut field, 0, 7, text.len());
        field.extend_from_slice(text);
    }
    field
}

/// A number after `bits` bits of a byte that begins with `first`: RFC 7541, section 5.1.
pub(super) fn integer(out: &mut Vec<u8>, first: u8, bits: u32, number: usize) {
    let most = (1_usize << bits) - 1;
    let low = |number: usize| u8::try_from(number).expect("few bits");
    if number < most {
        out.push(first | low(number));
        return;
    }
    out.push(first | low(most));
    let mut rest = number - most;
    while rest >= 128 {
        out.push(0x80 | low(rest % 128));
        rest /= 128;
    }
    out.push(low(rest));
}

/// A GET request's fields.
pub(super) fn get(host: &str, path: &str) -> Vec<u8> {
    request("GET", host, path)
}

/// A request's fields.
pub(super) fn request(method: &str, host: &str, path: &str) -> Vec<u8> {
    [
        field(b":method", method.as_bytes()),
        field(b":scheme", b"https"),
        field(b":authority", host.as_bytes()),
        field(b":path", path.as_bytes()),
    ]
    .concat()
}

/// A frame that came.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Came {
    /// What it means to a peer, if anything.
    pub(super) fn seen(&self) -> Option<Seen> {
        let code = |at: usize| {
            let bytes = self.payload.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        match self.kind {
            HEADERS => status(&self.payload).map(Seen::Status),
            RST_STREAM => code(0).map(Seen::Reset),
            GOAWAY => code(4).map(Seen::GoAway),
            _ => None,
        }
    }
}

/// The status at the begin of an answer's fields, in one of the forms that servers use; `None` for others.
fn status(fields: &[u8]) -> Option<u16> {
    // A change of the table's size may come first.
    let fields = match fields {
        [0x20..0x3f, rest @ ..] => rest,
        [0x3f, size @ ..] => size.get(size.iter().position(|byte| byte & 0x80 == 0)? + 1..)?,
        _ => fields,
    };
    let known = [200, 204, 206, 304, 400, 404, 500];
    match fields {
        [indexed @ 0x88..=0x8e, ..] => known.get(usize::from(indexed - 0x88)).copied(),
        [0x08 | 0x18 | 0x48, 3, digits @ ..] => std::str::from_utf8(digits.get(..3)?).ok()?.parse().ok(),
        [0x08 | 0x18 | 0x48, length @ 0x82..=0x83, digits @ ..] => {
            packed_digits(digits.get(..usize::from(length & 0x7f))?)
        }
        _ => None,
    }
}

/// Three digits in the Huffman code of RFC 7541, appendix B: 0 to 2 have five bits, the others six.
fn packed_digits(bytes: &[u8]) -> Option<u16> {
    let bits: Vec<u16> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)))
        .collect();
    let number = |from: usize, length: usize| {
        Some(
            bits.get(from..from + length)?
                .iter()
                .fold(0, |sum, bit| sum * 2 + bit),
        )
    };
    let (mut at, mut status) = (0, 0);
    for _ in 0..3 {
        let short = number(at, 5)?;
        let digit = if short <= 2 {
            at += 5;
            short
        } else {
            at += 6;
            number(at - 6, 6)?.checked_sub(0b01_1001)? + 3
        };
        status = status * 10 + digit;
    }
    Some(status)
}

/// The next frame; `None` at the end.
pub(super) async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Option<Came> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, w, x, y, z] = head;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Came {
        kind,
        flags,
        stream: u32::from_be_bytes([w, x, y, z]) & 0x7fff_ffff,
        payload,
    })
}

/// What comes until the end, or for `limit`. A GOAWAY tells more than the end behind it.
pub(super) async fn hear(stream: &mut (impl AsyncRead + Unpin), limit: Duration) -> Sight {
    let (mut sight, deadline) = (Sight::new(), Instant::now() + limit);
    loop {
        match timeout_at(deadline, next(stream)).await {
            Ok(Some(came)) => sight.extend(came.seen()),
            Ok(None) => {
                if !sight.iter().any(|seen| matches!(seen, Seen::GoAway(_))) {
                    sight.insert(Seen::Closed);
                }
                return sight;
            }
            Err(_elapsed) => {
                if sight.is_empty() {
                    sight.insert(Seen::Silence);
                }
                return sight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_in_every_form() {
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x3f, 0xe1, 0x1f, 0x8d]), Some(404));
        assert_eq!(status(b"\x48\x03431"), Some(431));
        // 0x68 0x4d is how "431" is packed: 011010 011001 00001.
        assert_eq!(packed_digits(&[0b0110_1001, 0b1001_0000, 0b1111_1111]), Some(431));
        assert_eq!(status(&[0x40]), None);
    }

    #[test]
    fn numbers_are_written_as_hpack_has_them() {
        let mut out = Vec::new();
        integer(&mut out, 0, 5, 1337);
        assert_eq!(out, [31, 154, 10]);
    }
}
