//! Whoever holds the replicas of sites, saying what they are told to.

use std::time::Duration;

use adit_core::{
    ha::Epoch,
    port::{FailoverError, FailoverRequest, SiteControl},
};
use async_trait::async_trait;
use parking_lot::Mutex;

/// Makes every replica active, or fails as told. Remembers what it was asked.
#[derive(Default)]
pub(crate) struct ScriptedSites {
    pub(crate) asked: Mutex<Vec<FailoverRequest>>,
    fault: Mutex<Option<FailoverError>>,
}

impl ScriptedSites {
    /// From now on asking fails so.
    pub(crate) fn fail(&self, error: FailoverError) {
        *self.fault.lock() = Some(error);
    }
}

#[async_trait]
impl SiteControl for ScriptedSites {
    async fn fail_over(&self, request: FailoverRequest, _within: Duration) -> Result<Epoch, FailoverError> {
        self.asked.lock().push(request);
        match *self.fault.lock() {
            Some(error) => Err(error),
            None => Ok(Epoch(request.seen.0 + 1)),
        }
    }
}
