//! WebSockets: passed through as bytes to HTTP origins, ended here for TCP origins.

mod client;

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::exchange::Upload;
use crate::flow::Answering;
pub(crate) use client::{FromClient, ToClient, client, relay};

/// The most bytes moved at once.
const CHUNK: usize = 16 * 1024;

/// Moves bytes both ways. The first end in either direction ends the flow, as edges expect it.
///
/// # Errors
/// If a side breaks off.
pub(crate) async fn pass_through(
    origin: impl AsyncRead + AsyncWrite,
    mut upload: Upload,
    reply: &mut Answering,
) -> io::Result<()> {
    let (mut from_origin, mut to_origin) = tokio::io::split(origin);
    let up = async {
        while let Some(chunk) = upload.chunk().await? {
            to_origin.write_all(&chunk).await?;
            to_origin.flush().await?;
        }
        Ok(())
    };
    let down = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        while from_origin.read_buf(&mut buffer).await? > 0 {
            // A copy of what came, so that a short message does not keep the whole buffer waiting for its receipt.
            reply.write_chunk(Bytes::copy_from_slice(&buffer)).await?;
            buffer.clear();
        }
        Ok(())
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}
