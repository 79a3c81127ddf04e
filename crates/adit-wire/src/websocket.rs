//! The frames of a WebSocket that carries a flow of TCP: RFC 6455. Messages have no meaning there, only their bytes, so
//! frames of any length pass as they come. What a client sends is masked, what a server sends is not.

use bytes::{Bytes, BytesMut};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The longest payload of a frame that controls.
const MAX_CONTROL: u64 = 125;

/// A header by which the client of a TCP service and a connector agree that a Close ends one direction and leaves the other
/// open, as TCP has it. A stock connector ends both, and a stock client does not ask.
pub const HALF_CLOSE: &str = "adit-half-close";

/// The most bytes of a flow that a client puts into a frame: a stock connector drops the rest of a message of more than
/// 16 KiB. With the frame's head it fills one TLS record.
pub const CLIENT_PAYLOAD: usize = 16 * 1024 - 8;

/// Whose frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// They are masked.
    Client,
    /// They are not.
    Server,
}

/// What frames say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes of a message; never empty.
    Data(Bytes),
    /// It wants these bytes back.
    Ping(Bytes),
    /// It has ended its side.
    Close,
}

/// The sender breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// RFC 6455, section 5.1.
    #[error("a client's frame is not masked, or a server's is")]
    Mask,
    /// RFC 6455, section 5.2.
    #[error("a frame has bits of an extension that was not agreed on, or is of an unknown kind")]
    Unknown,
    /// RFC 6455, sections 5.2 and 5.5.
    #[error("a frame's length is none")]
    Length,
    /// RFC 6455, section 5.4.
    #[error("a frame does not continue the one before it")]
    Order,
}

/// Reads frames. Holds at most one that controls; the bytes of messages pass through.
#[derive(Debug)]
pub struct Frames {
    sender: Sender,
    state: State,
    /// Within a message of several frames.
    fragmented: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Data(Payload),
    Control {
        code: u8,
        payload: Payload,
        held: BytesMut,
    },
}

#[derive(Clone, Copy, Debug)]
struct Payload {
    left: u64,
    mask: [u8; 4],
    /// Which byte of the mask is next.
    at: usize,
}

/// The head of a frame, and how long it is.
struct Head {
    last: bool,
    code: u8,
    payload: Payload,
    length: usize,
}

impl Frames {
    /// Reads those of a client or of a server.
    #[must_use]
    pub fn of(sender: Sender) -> Self {
        Self {
            sender,
            state: State::default(),
            fragmented: false,
        }
    }

    /// The next event in what has come; `None` once more is needed.
    ///
    /// # Errors
    /// [`FrameError`]
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Event>, FrameError> {
        loop {
            match &mut self.state {
                State::Head => {
                    let Some(head) = Head::read(input, self.sender)? else {
                        return Ok(None);
                    };
                    drop(input.split_to(head.length));
                    self.begin(&head)?;
                }
                State::Data(payload) if payload.left == 0 => self.state = State::Head,
                State::Data(payload) => {
                    let bytes = payload.take(input);
                    return Ok((!bytes.is_empty()).then(|| Event::Data(bytes.freeze())));
                }
                State::Control { code, payload, held } => {
                    held.unsplit(payload.take(input));
                    if payload.left > 0 {
                        return Ok(None);
                    }
                    let (code, held) = (*code, std::mem::take(held).freeze());
                    self.state = State::Head;
                    match code {
                        PING => return Ok(Some(Event::Ping(held))),
                        CLOSE => return Ok(Some(Event::Close)),
                        // An answer to a ping of ours.
                        _ => {}
                    }
                }
            }
        }
    }

    fn begin(&mut self, head: &Head) -> Result<(), FrameError> {
        let payload = head.payload;
        self.state = match head.code {
            CONTINUATION | TEXT | BINARY => {
                if (head.code == CONTINUATION) != self.fragmented {
                    return Err(FrameError::Order);
                }
                self.fragmented = !head.last;
                State::Data(payload)
            }
            CLOSE | PING | PONG => {
                if payload.left > MAX_CONTROL || !head.last {
                    return Err(FrameError::Length);
                }
                State::Control {
                    code: head.code,
                    payload,
                    held: BytesMut::new(),
                }
            }
            _ => return Err(FrameError::Unknown),
        };
        Ok(())
    }
}

impl Head {
    fn read(input: &[u8], sender: Sender) -> Result<Option<Self>, FrameError> {
        let [first, second, rest @ ..] = input else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(FrameError::Unknown);
        }
        let masked = second & MASKED != 0;
        if masked != (sender == Sender::Client) {
            return Err(FrameError::Mask);
        }
        let (left, rest) = match second & !MASKED {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            length => (u64::from(length), rest),
        };
        if left > i64::MAX.unsigned_abs() {
            return Err(FrameError::Length);
        }
        let (mask, rest) = match rest.split_first_chunk() {
            _ if !masked => ([0; 4], rest),
            Some((mask, rest)) => (*mask, rest),
            None => return Ok(None),
        };
        let payload = Payload { left, mask, at: 0 };
        Ok(Some(Self {
            last: first & LAST != 0,
            code: first & 0x0F,
            payload,
            length: input.len() - rest.len(),
        }))
    }
}

impl Payload {
    /// What of it has come, without its mask.
    fn take(&mut self, input: &mut BytesMut) -> BytesMut {
        let here = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        let mut bytes = input.split_to(here);
        let mut mask = self.mask;
        mask.rotate_left(self.at % 4);
        if mask != [0; 4] {
            apply(mask, &mut bytes);
        }
        self.at = (self.at + here) % 4;
        self.left -= here as u64;
        bytes
    }
}

/// Puts a mask on bytes, or takes it off.
fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// What stands before so many bytes for the client.
#[must_use]
pub fn data_head(length: usize) -> Bytes {
    let mut head = vec![LAST | BINARY];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => head.push(length),
        (_, Ok(length)) => {
            head.push(126);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    Bytes::from(head)
}

/// A frame that asks the client whether it lives.
#[must_use]
pub fn ping() -> Bytes {
    Bytes::from_static(&[LAST | PING, 0])
}

/// The answer to a client's ping, whose bytes are at most 125.
#[must_use]
pub fn pong(bytes: &[u8]) -> Bytes {
    let length = u8::try_from(bytes.len()).unwrap_or_default();
    let payload = bytes.get(..usize::from(length)).unwrap_or_default();
    Bytes::from([&[LAST | PONG, length], payload].concat())
}

/// The end of this side, for no reason but that it is over.
#[must_use]
pub fn close() -> Bytes {
    Bytes::from_static(&[LAST | CLOSE, 2, 0x03, 0xE8])
}

/// Appends a client's frame with these bytes of a flow, of which [`CLIENT_PAYLOAD`] fit for a stock connector.
pub fn put_client_data(frames: &mut BytesMut, bytes: &[u8], mask: [u8; 4]) {
    put_client_frame(frames, &data_head(bytes.len()), bytes, mask);
}

/// Appends a client's answer to a server's ping, whose bytes are at most 125.
pub fn put_client_pong(frames: &mut BytesMut, bytes: &[u8], mask: [u8; 4]) {
    let pong = pong(bytes);
    let (head, bytes) = pong.split_at(pong.len().min(2));
    put_client_frame(frames, head, bytes, mask);
}

/// Appends the end of a client's side.
pub fn put_client_close(frames: &mut BytesMut, mask: [u8; 4]) {
    let close = close();
    let (head, code) = close.split_at(close.len().min(2));
    put_client_frame(frames, head, code, mask);
}

/// Appends a frame whose head says that it is not masked, as one that is.
fn put_client_frame(frames: &mut BytesMut, head: &[u8], payload: &[u8], mask: [u8; 4]) {
    let start = frames.len();
    frames.extend_from_slice(head);
    if let Some(length) = frames.get_mut(start + 1) {
        *length |= MASKED;
    }
    frames.extend_from_slice(&mask);
    let start = frames.len();
    frames.extend_from_slice(payload);
    apply(mask, frames.get_mut(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut bytes = data_head(payload.len()).to_vec();
        bytes[0] = first;
        bytes[1] |= MASKED;
        bytes.extend(mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    fn events(bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<Event>), FrameError> {
        events_of(Sender::Client, bytes, size)
    }

    /// All events of bytes that come in pieces of at most `size`; data joined.
    fn events_of(sender: Sender, bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<Event>), FrameError> {
        let (mut frames, mut input) = (Frames::of(sender), BytesMut::new());
        let (mut data, mut others) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            input.extend_from_slice(piece);
            while let Some(event) = frames.next(&mut input)? {
                match event {
                    Event::Data(bytes) => data.extend_from_slice(&bytes),
                    other @ (Event::Ping(_) | Event::Close) => others.push(other),
                }
            }
        }
        Ok((data, others))
    }

    proptest! {
        #[test]
        fn messages_of_any_length_pass_however_they_are_cut(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..5),
            mask: [u8; 4],
            size in 1_usize..500,
        ) {
            let bytes: Vec<u8> =
                messages.iter().flat_map(|message| frame(LAST | BINARY, message, mask)).collect();
            prop_assert_eq!(events(&bytes, size).unwrap().0, messages.concat());
        }

        #[test]
        fn a_server_is_understood_without_masks(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..5),
            size in 1_usize..500,
        ) {
            let one = |message: &Vec<u8>| [&data_head(message.len())[..], message].concat();
            let bytes = [messages.iter().flat_map(one).collect(), ping().to_vec(), close().to_vec()].concat();
            let (data, others) = events_of(Sender::Server, &bytes, size).unwrap();
            prop_assert_eq!(data, messages.concat());
            prop_assert_eq!(others, [Event::Ping(Bytes::new()), Event::Close]);
        }

        #[test]
        fn what_a_client_writes_is_read_as_it_was(
            message in proptest::collection::vec(any::<u8>(), 1..400),
            pinged in proptest::collection::vec(any::<u8>(), 0..126),
            mask: [u8; 4],
            size in 1_usize..500,
        ) {
            let mut bytes = BytesMut::new();
            put_client_data(&mut bytes, &message, mask);
            put_client_pong(&mut bytes, &pinged, mask);
            put_client_close(&mut bytes, mask);
            let (data, others) = events(&bytes, size).unwrap();
            prop_assert_eq!(data, message);
            prop_assert_eq!(others, [Event::Close]);
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>, size in 1_usize..20) {
            let _ = events(&bytes, size);
            let _ = events_of(Sender::Server, &bytes, size);
        }
    }

    #[test]
    fn controls_may_stand_between_the_frames_of_a_message() {
        let mask = [1, 2, 3, 4];
        let bytes = [
            frame(TEXT, b"one ", mask),
            frame(LAST | PING, b"alive?", mask),
            frame(LAST | PONG, b"", mask),
            frame(CONTINUATION, &[b'x'; 70_000], mask),
            frame(LAST, b"", mask),
            frame(LAST | CLOSE, &[3, 0xE8], mask),
        ]
        .concat();
        let (data, others) = events(&bytes, 1000).unwrap();
        assert_eq!(data.len(), 70_004);
        assert_eq!(others, [Event::Ping(Bytes::from_static(b"alive?")), Event::Close]);
    }

    #[test]
    fn who_breaks_the_protocol_is_refused() {
        let refused = |bytes: &[u8]| events(bytes, 100).unwrap_err();
        assert_eq!(refused(&[LAST | BINARY, 1, b'x']), FrameError::Mask);
        assert_eq!(refused(&[0xC0 | BINARY, MASKED]), FrameError::Unknown);
        assert_eq!(refused(&frame(LAST | 3, b"", [0; 4])), FrameError::Unknown);
        assert_eq!(refused(&frame(LAST, b"x", [0; 4])), FrameError::Order);
        assert_eq!(
            refused(&frame(LAST | PING, &[0; 126], [0; 4])),
            FrameError::Length
        );
        assert_eq!(refused(&frame(CLOSE, b"", [0; 4])), FrameError::Length);
        assert_eq!(
            refused(&[LAST | BINARY, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0]),
            FrameError::Length
        );
    }

    #[test]
    fn a_masked_frame_of_a_server_is_refused() {
        let masked = frame(LAST | BINARY, b"x", [1, 2, 3, 4]);
        assert_eq!(
            events_of(Sender::Server, &masked, 9).unwrap_err(),
            FrameError::Mask
        );
    }

    #[test]
    fn a_clients_full_frame_is_one_tls_record() {
        let mut bytes = BytesMut::new();
        put_client_data(&mut bytes, &[b'x'; CLIENT_PAYLOAD], [9; 4]);
        assert_eq!(bytes.len(), 16 * 1024);
    }

    #[test]
    fn lengths_for_the_client_have_the_shortest_form() {
        assert_eq!(data_head(125)[..], [0x82, 125]);
        assert_eq!(data_head(126)[..], [0x82, 126, 0, 126]);
        assert_eq!(data_head(65536)[..], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
