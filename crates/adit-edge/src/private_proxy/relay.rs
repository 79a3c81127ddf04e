//! Bytes both ways between a client and a private network.

use std::{io, time::Duration};

use adit_net::private::PrivateStream;
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::TcpStream,
};
use tokio_io_timeout::TimeoutWriter;

use super::record::FlowRecord;
use crate::{context::Context, end::End};

/// A buffer holds so much at first, and while bytes are few.
const LEAST_BYTES: usize = 4 * 1024;
/// The most bytes read at once.
const MOST_BYTES: usize = 64 * 1024;
/// A client that takes nothing for so long is let go.
const STALLED: Duration = Duration::from_secs(120);

/// Carries a flow to its end. `ahead` is what the client said before it was answered.
pub(super) async fn relay(
    context: &Context,
    client: TcpStream,
    ahead: Bytes,
    stream: Box<dyn PrivateStream>,
    record: &mut FlowRecord,
) {
    let (from_client, to_client) = client.into_split();
    let mut to_client = TimeoutWriter::new(to_client);
    to_client.set_timeout(Some(STALLED));
    let (from_network, to_network) = split(stream);
    let seen = &*record;
    let ended = tokio::select! {
        broken = up(from_client, ahead, to_network, seen) => broken,
        ended = down(from_network, Box::pin(to_client), seen) => ended,
        () = context.stopped.cancelled() => Ended::by(End::Edge),
        () = context.memory.cut() => Ended::by(End::Edge),
    };
    record.ended(ended.by, ended.failure);
}

struct Ended {
    by: End,
    failure: Option<String>,
}

impl Ended {
    const fn by(by: End) -> Self {
        Self { by, failure: None }
    }

    fn broken(by: End) -> impl Fn(io::Error) -> Self {
        move |error| Self {
            by,
            failure: Some(error.to_string()),
        }
    }
}

/// Returns only if the way breaks: a client that has said all it has to say may still listen.
async fn up(
    client: impl AsyncRead + Unpin,
    ahead: Bytes,
    mut network: impl AsyncWrite + Unpin,
    record: &FlowRecord,
) -> Ended {
    let passed = async {
        network
            .write_all(&ahead)
            .await
            .map_err(Ended::broken(End::Connector))?;
        record.sent(ahead.len());
        drop(ahead);
        let count = |bytes| record.sent(bytes);
        pass(client, End::Client, &mut network, End::Connector, count).await?;
        network.shutdown().await.map_err(Ended::broken(End::Connector))
    };
    match passed.await {
        Ok(()) => std::future::pending().await,
        Err(broken) => broken,
    }
}

/// Returns when the far end has said all it has to say, which ends the flow.
async fn down(
    network: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    record: &FlowRecord,
) -> Ended {
    let count = |bytes| record.received(bytes);
    let passed = async {
        pass(network, End::Connector, &mut client, End::Client, count).await?;
        client.shutdown().await.map_err(Ended::broken(End::Client))
    };
    match passed.await {
        Ok(()) => Ended::by(End::Complete),
        Err(broken) => broken,
    }
}

/// Passes bytes on until there are no more.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    reading: End,
    to: &mut (impl AsyncWrite + Unpin),
    writing: End,
    count: impl Fn(usize),
) -> Result<(), Ended> {
    let mut buffer = vec![0; LEAST_BYTES];
    loop {
        let read = from.read(&mut buffer).await.map_err(Ended::broken(reading))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        let written = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        written.await.map_err(Ended::broken(writing))?;
        count(read);
        let wanted = wanted(buffer.len(), read);
        if wanted != buffer.len() {
            buffer = vec![0; wanted];
        }
    }
}

/// How large a buffer should be that had so much read into it.
const fn wanted(size: usize, read: usize) -> usize {
    if read == size && size < MOST_BYTES {
        size * 4
    } else if read < size / 8 {
        LEAST_BYTES
    } else {
        size
    }
}
