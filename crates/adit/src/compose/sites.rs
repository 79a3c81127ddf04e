//! Who holds the replicas of sites: nobody in this version, which has no mesh listener.

use std::time::Duration;

use adit_core::{
    ha::Epoch,
    port::{FailoverError, FailoverRequest, SiteControl},
};
use async_trait::async_trait;

/// Nobody is connected, so nobody can take over.
pub(super) struct NoReplicas;

#[async_trait]
impl SiteControl for NoReplicas {
    async fn fail_over(&self, _request: FailoverRequest, _within: Duration) -> Result<Epoch, FailoverError> {
        Err(FailoverError::NotElectable)
    }
}
