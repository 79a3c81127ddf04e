//! A client's connection that speaks HTTP/2.

use std::{sync::Arc, time::Duration};

use hyper::{rt::Executor, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_util::task::TaskTracker;

use super::{
    Peer, Shared,
    listener::log_broken,
    service,
    taken::{Taken, Taking},
};

/// Requests that one client may have open at once.
const MAX_STREAMS: u32 = 200;
/// Bytes of a request's body that a client may send ahead.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same for all requests of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of an answer that wait for a client to take them.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams that a client may open and reset without an answer before its connection ends: a flood of them makes work
/// that no limit of open streams bounds (CVE-2023-44487).
const MAX_EARLY_RESETS: usize = 50;
/// Streams that this side may reset for a client's mistakes before its connection ends (CVE-2025-8671).
const MAX_FORCED_RESETS: usize = 100;
/// A client that has been silent this long is asked whether it lives, and given as long again to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A client that was told to leave and has nothing to wait for leaves within this, or is cut off.
const GOODBYE: Duration = Duration::from_secs(2);

/// The requests that run on one client's connection. An idle connection is closed after a while.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<watch::Sender<usize>>);

impl Activity {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// A request runs until this is dropped.
    pub(super) fn begin(&self) -> Active {
        self.0.send_modify(|running| *running += 1);
        Active(self.clone())
    }

    /// Completes when nothing has run for `time`.
    async fn idle_for(&self, time: Duration) {
        let mut running = self.0.subscribe();
        loop {
            // The sender is here.
            let _ = running.wait_for(|running| *running == 0).await;
            // Even a request that has begun and ended since is a change.
            if tokio::time::timeout(time, running.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A running request.
#[derive(Debug)]
pub(super) struct Active(Activity);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.0.send_modify(|running| *running -= 1);
    }
}

/// Runs hyper's tasks, so that a drain waits for them.
#[derive(Clone)]
struct Tasks(TaskTracker);

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Serves the connection to its end.
pub(super) async fn serve<T>(shared: Shared, stream: T, peer: Peer)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (activity, taking) = (Activity::new(), Taking::default());
    let handler = {
        let (shared, activity, taking) = (shared.clone(), activity.clone(), taking.clone());
        service_fn(move |request| {
            let (shared, active, taking) = (shared.clone(), activity.begin(), taking.clone());
            async move {
                let answer =
                    service::handle(&shared.context, &shared.limits, peer, Some(active), request).await;
                answer.map(|answer| answer.map(|body| Taken::new(body, taking)))
            }
        })
    };
    let Shared { context, limits } = &shared;
    let connection = http2::Builder::new(Tasks(context.requests.clone()))
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_EARLY_RESETS)
        .max_local_error_reset_streams(MAX_FORCED_RESETS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .serve_connection(TokioIo::new(stream), handler);
    tokio::pin!(connection);
    let ending = async {
        tokio::select! {
            () = activity.idle_for(limits.idle_timeout) => {}
            () = context.draining.cancelled() => {}
        }
    };
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = context.stopped.cancelled() => Ok(()),
        () = taking.stopped_for(limits.idle_timeout) => Ok(()),
        () = ending => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = &mut connection => outcome,
                () = context.stopped.cancelled() => Ok(()),
                () = taking.stopped_for(limits.idle_timeout) => Ok(()),
                // One that never began to speak hears no goodbye either.
                () = activity.idle_for(GOODBYE) => Ok(()),
            }
        }
    };
    if let Err(error) = outcome {
        log_broken(peer, true, &error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_has_run_for_a_while() {
        let activity = Activity::new();
        let long = Duration::from_secs(60);
        let begun = tokio::time::Instant::now();
        let running = activity.begin();
        let work = async {
            tokio::time::sleep(3 * long).await;
            drop(running);
            tokio::time::sleep(long / 2).await;
            drop(activity.begin());
        };
        tokio::join!(activity.idle_for(long), work);
        assert_eq!(begun.elapsed(), 3 * long + long / 2 + long);
    }
}
