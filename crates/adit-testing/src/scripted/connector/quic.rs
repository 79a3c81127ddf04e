//! Over QUIC.

use std::{net::SocketAddr, sync::Arc};

use adit_net::{
    quic::{QuicConnection, QuicDialer, RecvStream, SendStream},
    tls::{QUIC_SERVER_NAME, TrustAnchors, connector_config},
};
use adit_wire::{RequestHead, StreamKind, decode_preamble, message_length};
use bytes::{Bytes, BytesMut};
use tokio::{io::AsyncReadExt as _, sync::mpsc, task::JoinSet};

use super::{
    AnswerBody, Asked, AskedBody, DIAL_LIMIT, ScriptedConnector, begin_control,
    calls::{self, Calls},
    exchange::AnswerTo,
};

pub(super) async fn dial(edge: SocketAddr, anchors: &TrustAnchors, requests: u32) -> ScriptedConnector {
    let config = connector_config(anchors).expect("a configuration");
    let dialer = QuicDialer::new(config, None)
        .expect("a port")
        .allowing_streams(requests);
    let connection = dialer.dial(edge, QUIC_SERVER_NAME, DIAL_LIMIT).await;
    let connection = connection.expect("the edge takes a connector");
    let (writer, reader) = connection.open_stream().await.expect("a control stream");
    let mut carrying = JoinSet::new();
    let client = begin_control(&mut carrying, reader, writer);
    let (requests, asked) = mpsc::channel(64);
    let (calls, called) = mpsc::channel(64);
    let accepting = connection.clone();
    carrying.spawn(async move {
        // The endpoint lives as long as its dialer.
        let _dialer = dialer;
        accept(accepting, requests, calls).await;
    });
    ScriptedConnector {
        quic: Some(connection),
        goodbye: Arc::default(),
        edge: client,
        asked,
        called,
        carrying,
    }
}

async fn accept(connection: QuicConnection, requests: mpsc::Sender<Asked>, calls: Calls) {
    let mut heads = JoinSet::new();
    while let Ok((send, mut recv)) = connection.accept_stream().await {
        let (requests, calls) = (requests.clone(), calls.clone());
        heads.spawn(async move {
            let mut signature = [0; StreamKind::Rpc.preamble_bytes()];
            if recv.read_exact(&mut signature).await.is_err() {
                return;
            }
            if decode_preamble(&signature) == Ok(Some((StreamKind::Rpc, signature.len()))) {
                return calls::serve(calls, send, recv).await;
            }
            if let Some(asked) = read(&signature, send, recv).await {
                // A test that listens no more wants no more.
                let _ = requests.send(asked).await;
            }
        });
    }
}

/// The request on a stream, once its head is there as a whole.
async fn read(begin: &[u8], send: SendStream, mut recv: RecvStream) -> Option<Asked> {
    let mut buffer = BytesMut::from(begin);
    loop {
        if let Some((head, length)) = parse(&buffer) {
            let leftover: Bytes = buffer.split_off(length).freeze();
            return Some(Asked {
                head,
                body: AskedBody::Quic { leftover, recv },
                answer: AnswerTo::Quic(AnswerBody::Quic(send)),
            });
        }
        buffer.extend_from_slice(&recv.read_chunk(64 * 1024).await.ok()??);
    }
}

fn parse(bytes: &[u8]) -> Option<(RequestHead, usize)> {
    let (_, preamble) = decode_preamble(bytes).expect("a preamble")?;
    let message = bytes.get(preamble..)?;
    let length = message_length(message).expect("a message")?;
    let head = RequestHead::decode(message.get(..length)?).expect("a request");
    Some((head, preamble + length))
}
