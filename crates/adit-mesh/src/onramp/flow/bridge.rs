//! Bytes between the near end of a TCP flow and the far one.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use adit_net::private::PrivateStream;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::super::{
    record::{End, Record},
    tcp::{Incoming, TcpEnd},
};

/// Once the far end has ended, a member that says nothing has so long to end too.
const HALF_OPEN: Duration = Duration::from_secs(120);
/// And so long once nobody takes its bytes any more.
const UNHEARD: Duration = Duration::from_secs(30);

/// The way between both ends.
pub(super) struct Bridge {
    stream: Box<dyn PrivateStream>,
    /// The far end has said all it has to say.
    far_ended: bool,
    /// The far end has been told that the member has.
    shut: bool,
    /// The far end takes nothing more; what the member sends is thrown away.
    unheard: bool,
    unflushed: bool,
    /// When the flow is given up, unless something happens.
    deadline: Option<Instant>,
    failure: Option<io::Error>,
}

impl Bridge {
    pub(super) fn new(stream: Box<dyn PrivateStream>) -> Self {
        Self {
            stream,
            far_ended: false,
            shut: false,
            unheard: false,
            unflushed: false,
            deadline: None,
            failure: None,
        }
    }

    /// Passes on what there is, as far as there is room for it. Ready if there was anything.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        end: &mut TcpEnd,
        record: &mut Record,
        now: Instant,
    ) -> Poll<()> {
        if self.failure.is_some() {
            return Poll::Pending;
        }
        let down = self.down(context, end, record, now);
        let up = self.up(context, end, record, now);
        match (down, up) {
            (Ok(false), Ok(false)) => Poll::Pending,
            (Ok(_), Ok(_)) => Poll::Ready(()),
            (Err(error), _) | (_, Err(error)) => {
                self.failure = Some(error);
                end.reset();
                Poll::Ready(())
            }
        }
    }

    /// From the far end to the member.
    fn down(
        &mut self,
        context: &mut Context<'_>,
        end: &mut TcpEnd,
        record: &mut Record,
        now: Instant,
    ) -> io::Result<bool> {
        let mut passed = false;
        while !self.far_ended && end.room() > 0 {
            let mut read = Poll::Pending;
            end.write(|place| {
                let mut buffer = ReadBuf::new(place);
                read = Pin::new(&mut self.stream)
                    .poll_read(context, &mut buffer)
                    .map_ok(|()| buffer.filled().len());
                match read {
                    Poll::Ready(Ok(bytes)) => bytes,
                    Poll::Ready(Err(_)) | Poll::Pending => 0,
                }
            });
            match read {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => {
                    self.far_ended = true;
                    self.deadline = now.checked_add(HALF_OPEN);
                    end.finish();
                    passed = true;
                }
                Poll::Ready(Ok(bytes)) => {
                    record.received += bytes as u64;
                    passed = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(passed)
    }

    /// From the member to the far end.
    fn up(
        &mut self,
        context: &mut Context<'_>,
        end: &mut TcpEnd,
        record: &mut Record,
        now: Instant,
    ) -> io::Result<bool> {
        let mut passed = false;
        while !self.shut {
            match end.incoming() {
                Incoming::Bytes if self.unheard => end.read(<[u8]>::len),
                Incoming::Bytes => {
                    let mut written = Poll::Pending;
                    end.read(|bytes| {
                        written = Pin::new(&mut self.stream).poll_write(context, bytes);
                        match written {
                            Poll::Ready(Ok(bytes)) => bytes,
                            Poll::Ready(Err(_)) | Poll::Pending => 0,
                        }
                    });
                    match written {
                        Poll::Pending => break,
                        Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                        Poll::Ready(Ok(bytes)) => {
                            record.sent += bytes as u64;
                            self.unflushed = true;
                            self.deadline = self.deadline.and(now.checked_add(HALF_OPEN));
                        }
                        Poll::Ready(Err(_)) if self.far_ended => self.fall_silent(now),
                        Poll::Ready(Err(error)) => return Err(error),
                    }
                }
                Incoming::End => match Pin::new(&mut self.stream).poll_shutdown(context) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(())) => (self.shut, self.unflushed) = (true, false),
                    Poll::Ready(Err(_)) if self.far_ended => self.shut = true,
                    Poll::Ready(Err(error)) => return Err(error),
                },
                Incoming::Nothing | Incoming::Over => break,
            }
            passed = true;
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            self.unflushed = false;
            if let Err(error) = flushed {
                if !self.far_ended {
                    return Err(error);
                }
                self.fall_silent(now);
            }
        }
        Ok(passed)
    }

    /// A far end that has ended takes nothing either: the member still gets all that came before.
    fn fall_silent(&mut self, now: Instant) {
        self.unheard = true;
        self.deadline = now.checked_add(UNHEARD);
    }

    /// When [`Bridge::give_up`] is to be called again if nothing else happens.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Resets a flow that half of it has left for too long.
    pub(super) fn give_up(&mut self, end: &mut TcpEnd, now: Instant) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.deadline = None;
            end.reset();
        }
    }

    /// Whether nothing more is to be passed on over an end that is over.
    pub(super) fn is_over(&self, end: &mut TcpEnd) -> bool {
        let is_passed = self.shut || self.unheard || !self.far_ended;
        self.failure.is_some() || end.is_over() && (is_passed || end.incoming() == Incoming::Over)
    }

    /// Who ended it.
    pub(super) fn end(&self) -> (End, Option<String>) {
        match &self.failure {
            Some(error) => (End::Connector, Some(error.to_string())),
            None if self.far_ended && (self.shut || self.unheard) => (End::Complete, None),
            None => (End::Member, None),
        }
    }
}
