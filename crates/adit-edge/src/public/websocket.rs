//! An upgraded request: bytes both ways, frames unread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Notify,
};
use tracing::debug;

use super::{access_log::AccessRecord, body::ResponseBody, exchange::Answered, request::WebSocket, response};
use crate::{
    connection::Place,
    context::Context,
    end::End,
    replies::{Replies, Reply},
    upstream::Upload,
};

/// The most bytes read from a client at once. Reserved only while bytes flow.
const READ_BYTES: usize = 32 * 1024;

/// Both ways of an upgraded request, its place on the connection, and its line in the access log.
struct Flow {
    upload: Upload,
    replies: Replies,
    place: Place,
    record: AccessRecord,
}

/// Answers a handshake that the origin has accepted, and carries what follows.
pub(super) fn accept(
    context: &Arc<Context>,
    kind: WebSocket,
    upgrade: OnUpgrade,
    answered: Answered,
    mut record: AccessRecord,
) -> Response<ResponseBody> {
    let mut headers = response::headers(&answered.origin);
    let status = match kind {
        WebSocket::Upgrade => StatusCode::SWITCHING_PROTOCOLS,
        WebSocket::Stream => {
            for name in [header::CONNECTION, header::UPGRADE, header::SEC_WEBSOCKET_ACCEPT] {
                headers.remove(name);
            }
            StatusCode::OK
        }
    };
    record.answered(status);
    // There is one: only an HTTP exchange gives its upload away.
    if let Some(upload) = answered.upload {
        let flow = Flow {
            upload,
            replies: Replies::new(answered.download),
            place: answered.place,
            record,
        };
        let carried = carry(upgrade, flow, Arc::clone(context));
        context.requests.spawn(carried);
    }
    let mut response = Response::new(ResponseBody::page(Bytes::new()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Carries an upgraded request to its end.
async fn carry(upgrade: OnUpgrade, flow: Flow, context: Arc<Context>) {
    let client = match upgrade.await {
        Ok(client) => TokioIo::new(client),
        Err(error) => {
            debug!(%error, "the client did not upgrade");
            return;
        }
    };
    let (reader, writer) = tokio::io::split(client);
    let Flow {
        mut upload,
        replies,
        place,
        mut record,
    } = flow;
    let (client_ended, sent) = (Notify::new(), record.request_bytes());
    let outcome = tokio::select! {
        failed = client_to_origin(reader, &mut upload, &sent, &client_ended) => failed,
        ended = origin_to_client(replies, writer, &mut record, &client_ended) => ended,
        () = context.stopped.cancelled() => Ok(End::Edge),
        () = context.memory.cut() => Ok(End::Edge),
    };
    match outcome {
        // The first moment at which the sending side may end without cutting off what was still to come.
        Ok(end) => {
            upload.finish();
            record.ended_by(end);
        }
        Err(Broken { by, why }) => {
            record.ended_by(by);
            record.fail_with(why);
        }
    }
    drop(place);
}

/// Who broke a flow off, and how.
struct Broken {
    by: End,
    why: String,
}

fn broken(by: End) -> impl Fn(&dyn std::error::Error) -> Broken {
    move |error| Broken {
        by,
        why: error.to_string(),
    }
}

/// Returns only if the way breaks: a client that has said all it has to say may still listen.
async fn client_to_origin(
    mut client: impl AsyncRead + Unpin,
    upload: &mut Upload,
    sent: &AtomicU64,
    client_ended: &Notify,
) -> Result<End, Broken> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BYTES);
        let read = client.read_buf(&mut buffer).await;
        let read = read.map_err(|error| broken(End::Client)(&error))?;
        if read == 0 {
            client_ended.notify_one();
            return std::future::pending().await;
        }
        let written = upload.write(buffer.split().freeze()).await;
        written.map_err(|error| broken(End::Connector)(&error))?;
        sent.fetch_add(read as u64, Ordering::Relaxed);
    }
}

async fn origin_to_client(
    mut replies: Replies,
    mut client: impl AsyncWrite + Unpin,
    record: &mut AccessRecord,
    client_ended: &Notify,
) -> Result<End, Broken> {
    loop {
        let reply = tokio::select! {
            reply = replies.next() => reply,
            () = client_ended.notified(), if !replies.is_half_closed() => {
                replies.half_close();
                continue;
            }
        };
        let chunk = match reply.map_err(|error| broken(End::Connector)(&error))? {
            Reply::Bytes(chunk) => chunk,
            // What the client has sent is with the connector: that ends well, although nobody answers it.
            Reply::Silence => return Ok(End::Client),
            Reply::End => {
                let ended = client.shutdown().await;
                return ended
                    .map(|()| End::Complete)
                    .map_err(|error| broken(End::Client)(&error));
            }
        };
        let written = async {
            client.write_all(&chunk).await?;
            client.flush().await
        };
        written
            .await
            .map_err(|error: io::Error| broken(End::Client)(&error))?;
        record.add_response_bytes(chunk.len());
    }
}
