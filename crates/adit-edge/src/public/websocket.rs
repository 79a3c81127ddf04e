//! An upgraded request: bytes both ways, frames unread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    connection::Place,
    upstream::{Download, Upload},
};

/// The most bytes read from a client at once. Reserved only while bytes flow.
const READ_BYTES: usize = 32 * 1024;
/// After the client has ended its side, the origin's may stay silent that long.
const HALF_CLOSED_SILENCE: Duration = Duration::from_secs(30);

/// Both ways of an upgraded request, and its place on the connection.
pub(super) struct Flow {
    pub(super) upload: Upload,
    pub(super) download: Download,
    pub(super) place: Place,
    pub(super) sent: Arc<AtomicU64>,
}

/// Carries an upgraded request to its end.
pub(super) async fn carry(upgrade: OnUpgrade, flow: Flow, stopped: CancellationToken) {
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
        download,
        place,
        sent,
    } = flow;
    let client_ended = Notify::new();
    let outcome = tokio::select! {
        failed = client_to_origin(reader, &mut upload, &sent, &client_ended) => failed,
        ended = origin_to_client(download, writer, &client_ended) => ended,
        () = stopped.cancelled() => Ok(()),
    };
    match outcome {
        // A connector ends a flow in both directions at the first end of either, so this is the first moment at
        // which the sending side may end without cutting off what was still to come.
        Ok(()) => upload.finish(),
        Err(error) => debug!(%error, "an upgraded request broke"),
    }
    drop(place);
}

/// Returns only if the way breaks: a client that has said all it has to say may still listen.
async fn client_to_origin(
    mut client: impl AsyncRead + Unpin,
    upload: &mut Upload,
    sent: &AtomicU64,
    client_ended: &Notify,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BYTES);
        let read = client.read_buf(&mut buffer).await?;
        if read == 0 {
            client_ended.notify_one();
            return std::future::pending().await;
        }
        upload
            .write(buffer.split().freeze())
            .await
            .map_err(io::Error::other)?;
        sent.fetch_add(read as u64, Ordering::Relaxed);
    }
}

async fn origin_to_client(
    mut download: Download,
    mut client: impl AsyncWrite + Unpin,
    client_ended: &Notify,
) -> io::Result<()> {
    let mut patience = None;
    loop {
        let chunk = tokio::select! {
            chunk = download.chunk() => chunk,
            () = client_ended.notified(), if patience.is_none() => {
                patience = Some(HALF_CLOSED_SILENCE);
                continue;
            }
            () = silence(patience) => return Err(io::ErrorKind::TimedOut.into()),
        };
        match chunk.map_err(io::Error::other)? {
            Some(chunk) => {
                client.write_all(&chunk).await?;
                client.flush().await?;
            }
            None => return client.shutdown().await,
        }
    }
}

async fn silence(patience: Option<Duration>) {
    match patience {
        Some(patience) => tokio::time::sleep(patience).await,
        None => std::future::pending().await,
    }
}
