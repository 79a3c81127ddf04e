//! Threads that RPC systems live on.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::LocalSet,
};

use crate::RpcError;

type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// How many control streams may wait to be taken up by one lane; more wait in their own tasks.
const QUEUE: usize = 256;

/// A few threads, each a runtime of its own, that carry all control streams of a process.
/// Ends with its last handle: the threads finish what runs and stop.
#[derive(Debug)]
pub struct RpcLanes {
    lanes: Box<[mpsc::Sender<Job>]>,
    next: AtomicUsize,
}

impl RpcLanes {
    /// Starts `count` threads (at least one).
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(count: usize) -> io::Result<Self> {
        let lanes = (0..count.max(1))
            .map(|number| {
                let (sender, receiver) = mpsc::channel(QUEUE);
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                thread::Builder::new()
                    .name(format!("adit-rpc-{number}"))
                    .spawn(move || runtime.block_on(LocalSet::new().run_until(carry(receiver))))?;
                Ok(sender)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            lanes,
            next: AtomicUsize::new(0),
        })
    }

    /// Runs a job on a lane. Dropping the future drops the job.
    pub(crate) async fn run<F, Fut, T>(&self, job: F) -> Result<T, RpcError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (mut done, outcome) = oneshot::channel();
        let job: Job = Box::new(move || {
            Box::pin(async move {
                tokio::select! {
                    result = job() => { let _ = done.send(result); }
                    () = done.closed() => {}
                }
            })
        });
        let lane = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let lane = self.lanes.get(lane).ok_or(RpcError::Ended)?;
        lane.send(job).await.map_err(|_| RpcError::Ended)?;
        outcome.await.map_err(|_| RpcError::Ended)
    }
}

/// A panic in one job stays in its local task.
async fn carry(mut jobs: mpsc::Receiver<Job>) {
    let mut running = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            job = jobs.recv() => match job {
                Some(job) => { running.spawn_local(job()); }
                None => break,
            },
            Some(_) = running.join_next() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_on_a_lane_leaves_the_others_alone() {
        let lanes = RpcLanes::start(1).unwrap();
        let broken: Result<(), _> = lanes.run(|| async { panic!("on purpose") }).await;
        assert!(matches!(broken, Err(RpcError::Ended)));
        assert_eq!(lanes.run(|| async { 7 }).await.unwrap(), 7);
    }
}
