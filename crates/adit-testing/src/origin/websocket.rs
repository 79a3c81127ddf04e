//! The origin's WebSocket echo, with and without a knowledge of frames.

use std::{mem, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{io, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::answer::{Answer, plain};

/// What runs on a connection beside its answers: echoes after an upgrade, and bodies nobody wants.
#[derive(Debug, Default, Clone)]
pub(super) struct Upgrades {
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Upgrades {
    /// Answers 101 and echoes from then on; 400 for a request that asks for no WebSocket.
    pub(super) fn accept(&self, mut request: Request<Incoming>, raw: bool) -> Answer {
        let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
            return plain(StatusCode::BAD_REQUEST, "no WebSocket request\n");
        };
        let accept =
            HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is a header value");
        let protocol = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
        self.tasks
            .lock()
            .spawn(echo(hyper::upgrade::on(&mut request), raw));

        let mut answer = plain(StatusCode::SWITCHING_PROTOCOLS, "");
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        answer
    }

    /// Reads a body to its end for nothing, so that the connection, and an answer on it, is not reset.
    pub(super) fn throw_away(&self, mut body: Incoming) {
        self.tasks
            .lock()
            .spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }

    /// Waits for the echoes to end.
    pub(super) async fn finish(&self) {
        let mut tasks = mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }
}

async fn echo(upgrade: OnUpgrade, raw: bool) {
    let Ok(upgraded) = upgrade.await else { return };
    let stream = TokioIo::new(upgraded);
    if raw {
        let (mut reader, mut writer) = io::split(stream);
        let _ = io::copy(&mut reader, &mut writer).await;
        return;
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        let is_echoed = message.is_text() || message.is_binary();
        if is_echoed && socket.send(message).await.is_err() {
            return;
        }
    }
}
