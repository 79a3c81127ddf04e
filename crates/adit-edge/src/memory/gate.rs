//! Turns away at once what would take more memory when there is none.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::MemoryBudget;

/// A public client's bytes. While the budget is spent, reading more of them fails: a flood fills what is left
/// faster than tasks that are told to end get their turn.
#[derive(Debug)]
pub(crate) struct Gated<T> {
    stream: T,
    budget: Arc<MemoryBudget>,
}

impl<T> Gated<T> {
    pub(crate) const fn new(stream: T, budget: Arc<MemoryBudget>) -> Self {
        Self { stream, budget }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gated<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.budget.is_spent() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "memory is short",
            )));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gated<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn nothing_more_is_read_while_the_budget_is_spent() {
        let budget = MemoryBudget::new(800, || {});
        let (client, mut far) = duplex(64);
        let mut client = Gated::new(client, Arc::clone(&budget));
        far.write_all(b"ab").await.unwrap();
        budget.note(699);
        assert_eq!(client.read_u8().await.unwrap(), b'a');
        budget.note(700);
        assert_eq!(
            client.read_u8().await.unwrap_err().kind(),
            io::ErrorKind::ConnectionAborted
        );
        client.write_all(b"503").await.unwrap();
    }
}
