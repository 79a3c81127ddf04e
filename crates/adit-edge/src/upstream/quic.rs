//! An exchange on a QUIC stream: head as a message, then raw bytes, each way.

use adit_net::quic::{QuicConnection, RecvStream};
use adit_wire::{ConnectAnswer, Extras, RequestHead, StreamKind, decode_preamble, message_length};
use bytes::{Bytes, BytesMut};

use super::{Answer, CHUNK_BYTES, Download, Upload, UpstreamError, framed::Framed};

pub(super) async fn open(
    connection: &QuicConnection,
    head: &RequestHead,
    extras: Extras,
    has_body: bool,
) -> Result<(Upload, Answer), UpstreamError> {
    let opened = connection.try_open_stream().map_err(|_| UpstreamError::NotSent)?;
    let (mut send, receive) = opened.ok_or(UpstreamError::Full)?;
    send.write_chunk(Bytes::from(head.encode_with(extras)))
        .await
        .map_err(|_| UpstreamError::NotSent)?;
    if !has_body {
        send.finish();
    }
    let answer = Answer::Quic {
        stream: receive,
        framed: extras.trailers,
    };
    Ok((Upload::Quic(send), answer))
}

pub(super) async fn read_head(
    mut stream: RecvStream,
    framed: bool,
) -> Result<(ConnectAnswer, Download), UpstreamError> {
    let mut buffer = BytesMut::new();
    loop {
        let Some(chunk) = stream.read_chunk(CHUNK_BYTES).await? else {
            return Err(UpstreamError::Broken(
                "the stream ended before the answer's head".to_owned(),
            ));
        };
        buffer.extend_from_slice(&chunk);
        if let Some((answer, length)) = parse(&buffer)? {
            let leftover = buffer.split_off(length).freeze();
            let download = match framed {
                true => Download::Framed(Box::new(Framed::new(stream, leftover))),
                false => Download::Quic { stream, leftover },
            };
            return Ok((answer, download));
        }
    }
}

/// The answer and its length, if it is there as a whole.
fn parse(bytes: &[u8]) -> Result<Option<(ConnectAnswer, usize)>, UpstreamError> {
    let malformed = |text: &str| UpstreamError::Malformed(text.to_owned());
    let Some((kind, preamble)) = decode_preamble(bytes).map_err(|error| malformed(&error.to_string()))?
    else {
        return Ok(None);
    };
    if kind != StreamKind::Data {
        return Err(malformed("an RPC preamble on a data stream"));
    }
    let message = bytes.get(preamble..).unwrap_or_default();
    let Some(length) = message_length(message)? else {
        return Ok(None);
    };
    let Some(message) = message.get(..length) else {
        return Ok(None);
    };
    Ok(Some((ConnectAnswer::decode(message)?, preamble + length)))
}

#[cfg(test)]
mod tests {
    use adit_wire::ResponseHead;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_cut_anywhere_is_waited_for() {
        let bytes = ConnectAnswer::Accepted(ResponseHead::default()).encode();
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        assert_eq!(parse(&bytes).unwrap().unwrap().1, bytes.len());
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
