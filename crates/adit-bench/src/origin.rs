//! The origin, as a process of its own with one thread.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, header::CONTENT_LENGTH};
use http_body::Frame;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use crate::print;

/// What a small request gets.
pub(crate) const SMALL: &str = "/small";
/// What a page gets: 16 KiB.
pub(crate) const PAGE: &str = "/page";
/// Bytes without end in sight; the client leaves when it has seen enough.
pub(crate) const DOWN: &str = "/down";
/// Reads a body and answers how many bytes it had.
pub(crate) const UP: &str = "/up";
/// How the origin tells where it listens.
pub(crate) const LISTENS: &str = "origin listens on ";

/// A kilobyte each second, without end.
pub(crate) const DRIP: &str = "/drip";
/// How much that is at a time, and how often.
pub(crate) const DRIP_BYTES: usize = 1000;
const DRIP_EACH: Duration = Duration::from_secs(1);

const SMALL_BYTES: usize = 64;
const PAGE_BYTES: usize = 16 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
/// More than any window lets through, and still a length: chunked encoding would cost each hop something else.
const DOWN_BYTES: u64 = 1 << 42;

pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    print(&format!("{LISTENS}{}", listener.local_addr()?));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("the origin cannot accept")?;
                stream.set_nodelay(true)?;
                // Clients that leave in the middle are part of the plan.
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    Ok(match request.uri().path() {
        DOWN => down(),
        DRIP => drip(),
        PAGE => fixed(&[b'.'; PAGE_BYTES]),
        UP => up(request.into_body()).await?,
        _ => fixed(&[b'.'; SMALL_BYTES]),
    })
}

type Endless = std::pin::Pin<Box<dyn stream::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;
type Body = Either<Full<Bytes>, StreamBody<Endless>>;

fn fixed(bytes: &'static [u8]) -> Response<Body> {
    Response::new(Either::Left(Full::from(Bytes::from_static(bytes))))
}

fn down() -> Response<Body> {
    let chunk = Bytes::from(vec![0x5a; CHUNK_BYTES]);
    let pieces: Endless = Box::pin(stream::repeat_with(move || Ok(Frame::data(chunk.clone()))));
    let mut response = Response::new(Either::Right(StreamBody::new(pieces)));
    response.headers_mut().insert(CONTENT_LENGTH, DOWN_BYTES.into());
    response
}

/// The first kilobyte comes at once.
fn drip() -> Response<Body> {
    let pieces: Endless = Box::pin(stream::unfold(
        tokio::time::interval(DRIP_EACH),
        async |mut due| {
            due.tick().await;
            let piece = Bytes::from_static(&[b'.'; DRIP_BYTES]);
            Some((Ok(Frame::data(piece)), due))
        },
    ));
    Response::new(Either::Right(StreamBody::new(pieces)))
}

async fn up(mut body: Incoming) -> Result<Response<Body>, hyper::Error> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(Response::new(Either::Left(Full::from(bytes.to_string()))))
}
