//! A TCP flow into a private network, on a stream of either transport.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adit_wire::{ConnectAnswer, ConnectFailure, RequestHead, ResponseHead};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::exchange::Upload;
use crate::flow::Answering;
use crate::serving::Proxy;

/// The most bytes moved at once.
const CHUNK: usize = 16 * 1024;
/// What is shorter is copied, so that it does not keep a whole buffer until the edge has it.
const SHORT: usize = 4 * 1024;
/// Once the client has ended its side, an origin that is silent for so long has no more to say.
const HALF_CLOSED_SILENCE: Duration = Duration::from_secs(30);

/// Carries a flow to its end, or tells the edge why there is none.
///
/// # Errors
/// If a side breaks off.
pub(crate) async fn carry(
    proxy: &Proxy,
    head: &RequestHead,
    upload: Upload,
    reply: &mut Answering,
) -> io::Result<()> {
    let private = &proxy.private;
    let _session = proxy.metrics.tcp_session_began();
    let (dest, flow) = (&head.dest, head.flow_id.as_deref().unwrap_or_default());
    let Some(_place) = private.limit.take() else {
        private.metrics.limited("tcp");
        tracing::warn!(
            event = 2,
            flowID = flow,
            "Too many concurrent flows being handled, rejecting tcp proxy"
        );
        let message = "failed to start tcp flow due to rate limiting: too many active flows".to_owned();
        return refuse(reply, message, true).await;
    };
    let Ok(asked) = dest.parse::<SocketAddr>() else {
        tracing::error!(
            event = 2,
            flowID = flow,
            dest,
            "a private flow goes to no address"
        );
        return refuse(reply, "not an ip:port".to_owned(), false).await;
    };
    let target = private.dialer.target(asked);
    if target.is_resolver {
        private.metrics.dns("tcp");
    }
    let began = Instant::now();
    let tcp = match private.dialer.tcp(target).await {
        Ok(tcp) => tcp,
        Err(error) => {
            private.metrics.connect_errors.increment(1);
            proxy.metrics.request_failed();
            tracing::error!(event = 2, flowID = flow, dest, error, "Request failed");
            return refuse(reply, error, false).await;
        }
    };
    let accepted = ConnectAnswer::Accepted(ResponseHead::default());
    reply.answer(accepted, Bytes::new()).await?;
    private
        .metrics
        .connect_latency
        .record(began.elapsed().as_secs_f64() * 1000.0);
    relay(tcp, upload, reply, proxy.write_limit).await
}

async fn refuse(reply: &mut Answering, message: String, flow_limited: bool) -> io::Result<()> {
    let failure = ConnectFailure {
        message,
        flow_limited,
    };
    Ok(reply.answer(ConnectAnswer::Failed(failure), Bytes::new()).await?)
}

async fn within(limit: Option<Duration>, writing: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    match limit {
        None => writing.await,
        Some(limit) => tokio::time::timeout(limit, writing).await?,
    }
}

/// Moves bytes both ways until the origin has ended. A client that has ended its side still gets what the origin says.
async fn relay(
    tcp: TcpStream,
    mut upload: Upload,
    reply: &mut Answering,
    write_limit: Option<Duration>,
) -> io::Result<()> {
    let (mut from_origin, mut to_origin) = tcp.into_split();
    let came = AtomicU64::new(0);
    let up = async {
        while let Some(chunk) = upload.chunk().await? {
            match within(write_limit, to_origin.write_all(&chunk)).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                // An origin that takes no more may still have said something.
                Err(_) => break,
            }
        }
        drop(to_origin.shutdown().await);
        Ok(())
    };
    let down = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            if from_origin.read_buf(&mut buffer).await? == 0 {
                return io::Result::Ok(());
            }
            came.fetch_add(1, Ordering::Relaxed);
            let chunk = match buffer.len() {
                0..SHORT => Bytes::copy_from_slice(&buffer),
                _ => buffer.split().freeze(),
            };
            buffer.clear();
            reply.write_chunk(chunk).await?;
        }
    };
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    tokio::select! {
        ended = &mut down => return ended,
        ended = &mut up => {
            let ended: io::Result<()> = ended;
            ended?;
        }
    }
    loop {
        let before = came.load(Ordering::Relaxed);
        tokio::select! {
            ended = &mut down => return ended,
            () = tokio::time::sleep(HALF_CLOSED_SILENCE) => {
                if came.load(Ordering::Relaxed) == before {
                    return Ok(());
                }
            }
        }
    }
}
