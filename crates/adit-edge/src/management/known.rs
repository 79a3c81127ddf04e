//! Whether the connector behind a connection takes the management host for its own.
//!
//! One that was told another name hands such a request to the user's origin, token and all. So it is asked first, with a
//! request that holds nothing: a management service refuses that in words that nobody else uses.

use std::time::Duration;

use adit_wire::{
    ConnectAnswer, FlowKind, RequestHead, ResponseHead,
    management::{MISSING_TOKEN_CODE, refusal_code},
};
use bytes::BytesMut;
use http::{HeaderMap, Method, StatusCode};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    connection::Connection,
    upstream::{self, Download, UpstreamError},
};

/// How long a connector may take over its refusal.
const PATIENCE: Duration = Duration::from_secs(5);
/// A refusal has less than 100 bytes. What is longer is an origin's page.
const MAX_BYTES: usize = 4096;
/// How long a connector that does not know the name is not asked again.
const FORGET: Duration = Duration::from_secs(60);

/// What is known of one connection. The connector behind it stays the same for its life.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<Verdict>>);

#[derive(Debug, Clone, Copy)]
enum Verdict {
    Serves,
    /// It answered as something else, at that time.
    Other(Instant),
}

impl Known {
    /// Whether the connector serves management under that name. Asks it if that is not known; whoever comes meanwhile
    /// waits for the same answer. Cancel safe.
    pub(crate) async fn serves(&self, connection: &Connection, host: &str) -> Result<bool, UpstreamError> {
        let mut known = self.0.lock().await;
        match *known {
            Some(Verdict::Serves) => return Ok(true),
            Some(Verdict::Other(since)) if since.elapsed() < FORGET => return Ok(false),
            Some(Verdict::Other(_)) | None => {}
        }
        let asked = tokio::time::timeout(PATIENCE, ask(connection, host)).await;
        let serves = asked.unwrap_or_else(|_| Err(UpstreamError::Lost("no answer in time".to_owned())))?;
        *known = Some(if serves {
            Verdict::Serves
        } else {
            Verdict::Other(Instant::now())
        });
        Ok(serves)
    }
}

async fn ask(connection: &Connection, host: &str) -> Result<bool, UpstreamError> {
    let head = RequestHead {
        kind: FlowKind::Http,
        dest: format!("https://{host}/ping"),
        method: Method::GET,
        host: host.to_owned(),
        headers: HeaderMap::new(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    };
    let (_upload, answer) = upstream::open(connection, &head, false).await?;
    match answer.head().await? {
        (ConnectAnswer::Accepted(head), download) => is_refusal(&head, download).await,
        // It tried to reach an origin.
        (ConnectAnswer::Failed(_), _) => Ok(false),
    }
}

async fn is_refusal(head: &ResponseHead, mut download: Download) -> Result<bool, UpstreamError> {
    if head.status != StatusCode::BAD_REQUEST {
        return Ok(false);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = download.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Ok(false);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(refusal_code(&body) == Some(MISSING_TOKEN_CODE))
}
