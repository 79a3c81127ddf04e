//! Over HTTP/2: the connector is the server on the TCP connection that it opened.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use adit_net::tls::{H2_SERVER_NAME, TrustAnchors, outgoing_config};
use adit_wire::{
    FlowKind, RequestHead,
    http2::{TCP_SOURCE_HEADER, UPGRADE_CONFIGURATION, UPGRADE_CONTROL, UPGRADE_HEADER, UPGRADE_WEBSOCKET},
};
use bytes::Bytes;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{Request, Response, request::Parts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    Asked, AskedBody, ScriptedConnector, begin_control, calls, exchange::AnswerTo, goaways::Goaways,
};

/// Windows as a stock connector announces them.
const WINDOW: u32 = 1 << 20;

pub(super) async fn dial(edge: SocketAddr, anchors: &TrustAnchors, requests: u32) -> ScriptedConnector {
    let tls = TlsConnector::from(Arc::new(outgoing_config(anchors).expect("a configuration")));
    let tcp = TcpStream::connect(edge).await.expect("the edge listens");
    let name = ServerName::try_from(H2_SERVER_NAME).expect("a name");
    let stream = tls.connect(name, tcp).await.expect("the edge shakes hands");
    let goodbye = Arc::new(OnceLock::new());
    let stream = Goaways::new(stream, Arc::clone(&goodbye));
    let mut connection = h2::server::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        // And the control stream.
        .max_concurrent_streams(requests + 1)
        .handshake::<_, Bytes>(stream)
        .await
        .expect("the edge speaks HTTP/2");
    let (requests, asked) = mpsc::channel(64);
    let (calls, called) = mpsc::channel(64);
    let (control, opened) = oneshot::channel();
    let mut carrying = JoinSet::new();
    carrying.spawn(async move {
        let mut control = Some(control);
        let mut pushes = JoinSet::new();
        while let Some(Ok((request, respond))) = connection.accept().await {
            let upgrade = request.headers().get(UPGRADE_HEADER);
            if upgrade.is_some_and(|upgrade| upgrade == UPGRADE_CONTROL) {
                let control = control.take().expect("one control stream");
                let _ = control.send((request.into_body(), respond));
            } else if upgrade.is_some_and(|upgrade| upgrade == UPGRADE_CONFIGURATION) {
                pushes.spawn(calls::configure(calls.clone(), request.into_body(), respond));
            } else {
                // A test that listens no more wants no more.
                let _ = requests.try_send(asked_by(request, respond));
            }
        }
    });
    let (body, mut respond) = opened.await.expect("the edge opens a control stream");
    let answer = respond.send_response(Response::new(()), false);
    let (near, far) = duplex(64 * 1024);
    carrying.spawn(carry(far, body, answer.expect("a control stream")));
    let (reader, writer) = split(near);
    let client = begin_control(&mut carrying, reader, writer);
    ScriptedConnector {
        quic: None,
        goodbye,
        edge: client,
        asked,
        called,
        carrying,
    }
}

/// Bytes between a control stream and RPC.
async fn carry(stream: DuplexStream, mut from_edge: RecvStream, mut to_edge: SendStream<Bytes>) {
    let (mut reader, mut writer) = split(stream);
    let down = async {
        while let Some(Ok(bytes)) = from_edge.data().await {
            let _ = from_edge.flow_control().release_capacity(bytes.len());
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
        drop(writer.shutdown().await);
    };
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = reader.read(&mut buffer).await {
            // Far below any window.
            if to_edge
                .send_data(Bytes::copy_from_slice(&buffer[..read]), false)
                .is_err()
            {
                return;
            }
        }
        let _ = to_edge.send_data(Bytes::new(), true);
    };
    tokio::join!(down, up);
}

fn asked_by(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Asked {
    let (parts, body) = request.into_parts();
    let head = head(&parts);
    Asked {
        answer: AnswerTo::Http2 {
            respond,
            websocket: head.kind == FlowKind::WebSocket,
        },
        head,
        body: AskedBody::Http2(body),
    }
}

fn head(parts: &Parts) -> RequestHead {
    let upgrade = parts.headers.get(UPGRADE_HEADER);
    let kind = if upgrade.is_some_and(|upgrade| upgrade == UPGRADE_WEBSOCKET) {
        FlowKind::WebSocket
    } else if parts.headers.contains_key(TCP_SOURCE_HEADER) {
        FlowKind::Tcp
    } else {
        FlowKind::Http
    };
    RequestHead {
        kind,
        dest: parts.uri.to_string(),
        method: parts.method.clone(),
        host: parts.uri.authority().map(ToString::to_string).unwrap_or_default(),
        headers: parts.headers.clone(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}

/// Writes a piece of an answer as the peer's window allows.
pub(super) async fn write(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        // None: the stream is closed.
        let room = room.unwrap_or(Err(h2::Reason::CANCEL.into()))?;
        if room > 0 {
            stream.send_data(bytes.split_to(room.min(bytes.len())), false)?;
        }
    }
    Ok(())
}
