//! One large body, as fast as it goes.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};

use super::Target;
use crate::origin::{DOWN, UP};

const CHUNK_BYTES: usize = 64 * 1024;

/// What was moved, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// Bytes that arrived.
    pub(crate) bytes: u64,
    /// From the request to the last of them.
    pub(crate) took: Duration,
}

/// Reads for so long, then leaves.
///
/// # Errors
/// When the body cannot be had or breaks off before.
pub(crate) async fn download(target: &Target, window: Duration) -> anyhow::Result<Moved> {
    let (mut sender, _driver) = target.connect().await?;
    let start = Instant::now();
    let response = sender
        .send_request(target.request(DOWN, Empty::<Bytes>::new())?)
        .await?;
    ensure!(response.status() == 200, "the answer was {}", response.status());
    let mut body = response.into_body();
    let mut bytes = 0;
    while start.elapsed() < window {
        let frame = body.frame().await.context("the body ended")??;
        bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
    Ok(Moved {
        bytes,
        took: start.elapsed(),
    })
}

/// Writes for so long, then waits for the origin to tell how much came.
///
/// # Errors
/// When the origin does not answer, or less came than was sent.
pub(crate) async fn upload(target: &Target, window: Duration) -> anyhow::Result<Moved> {
    let chunk = Bytes::from(vec![0x5a; CHUNK_BYTES]);
    let start = Instant::now();
    let pieces = stream::unfold((), move |()| {
        let piece = (start.elapsed() < window).then(|| (Ok::<_, Infallible>(Frame::data(chunk.clone())), ()));
        async { piece }
    });
    let (mut sender, _driver) = target.connect().await?;
    let mut request = target.request(UP, StreamBody::new(Box::pin(pieces)))?;
    *request.method_mut() = Method::POST;
    let response = sender.send_request(request).await?;
    ensure!(response.status() == 200, "the answer was {}", response.status());
    let told = response.into_body().collect().await?.to_bytes();
    let bytes = std::str::from_utf8(&told)?
        .parse()
        .context("the origin told no number")?;
    Ok(Moved {
        bytes,
        took: start.elapsed(),
    })
}
