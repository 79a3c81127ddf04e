//! Stdin and stdout as one local stream, as `ssh` uses a `ProxyCommand`.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::io::StreamReader;

const CHUNK: usize = 64 * 1024;
/// Chunks that are read ahead.
const AHEAD: usize = 2;

/// Stdin. A thread reads it, which ends with the process at the latest: a read of stdin cannot be given up.
///
/// # Errors
/// If stdin is closed, or the system refuses a thread.
pub(super) fn stdin() -> io::Result<impl AsyncRead + Unpin> {
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (chunks, mut read) = mpsc::channel(AHEAD);
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut buffer = vec![0; CHUNK];
            loop {
                let chunk = match stdin.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => Ok(Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default())),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = chunk.is_err();
                if chunks.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        })?;
    Ok(StreamReader::new(futures_util::stream::poll_fn(move |cx| {
        read.poll_recv(cx)
    })))
}

/// Stdout.
pub(super) fn stdout() -> impl AsyncWrite + Unpin {
    tokio::io::stdout()
}
