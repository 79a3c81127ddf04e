//! A write in the writer's queue, whatever it returns.

use std::{future::Future, pin::Pin, sync::Arc};

use adit_core::port::StoreError;
use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::{
    failure::{Cause, Failure, store_error},
    tx::Tx,
};

pub(crate) type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

#[async_trait]
pub(super) trait Job: Send {
    /// Does the work; true if it is to stay in the transaction. Called once.
    async fn run(&mut self, tx: Tx<'_>) -> bool;

    /// Tells the caller how it went, now that the transaction is committed or lost.
    fn answer(self: Box<Self>, transaction: Result<(), &Arc<Cause>>);
}

pub(super) struct Task<T, R, F> {
    doing: &'static str,
    work: Option<F>,
    result: Option<Result<T, Failure<R>>>,
    caller: oneshot::Sender<Result<T, R>>,
}

impl<T, R, F> Task<T, R, F> {
    pub(super) fn new(doing: &'static str, work: F) -> (Self, oneshot::Receiver<Result<T, R>>) {
        let (caller, answer) = oneshot::channel();
        (
            Self {
                doing,
                work: Some(work),
                result: None,
                caller,
            },
            answer,
        )
    }
}

#[async_trait]
impl<T, R, F> Job for Task<T, R, F>
where
    T: Send,
    R: From<StoreError> + Send,
    F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<T, Failure<R>>> + Send,
{
    async fn run(&mut self, tx: Tx<'_>) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let result = work(tx).await;
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, transaction: Result<(), &Arc<Cause>>) {
        let lost = |error: &Arc<Cause>| R::from(store_error(self.doing, Cause::Commit(error.clone())));
        let answer = match (self.result, transaction) {
            // Its own refusal stands, whatever became of the others.
            (Some(Err(failure)), _) => Err(failure.during(self.doing)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(lost(error)),
            (None, Ok(())) => Err(store_error(self.doing, Cause::Closed).into()),
        };
        // Nobody waits any more: the write stands all the same.
        drop(self.caller.send(answer));
    }
}
